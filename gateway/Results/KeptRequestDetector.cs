using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Results;

/// <summary>
/// Distinguishes the request of a client that kept its method when it followed a <c>303</c> from a new request to the same target.
/// </summary>
internal sealed class KeptRequestDetector(IWaitStore store)
{
    /// <returns>Whether the request has the method of the run's request, and the same body or none. <see langword="true"/> if that is
    /// unknown, so that nothing is executed twice.</returns>
    /// <exception cref="StoreUnavailableException">The store is unavailable.</exception>
    public async Task<bool> IncludesAsync(HttpRequest request, RunId run)
    {
        try
        {
            return await store.GetRequestAsync(run) is not { } original
                || (request.Method == original.Method && await HasSameBodyAsync(request, original.Body));
        }
        catch (UnreadableRecordException)
        {
            return true;
        }
    }

    private static async Task<bool> HasSameBodyAsync(HttpRequest request, ReadOnlyMemory<byte> original)
    {
        if (request.ContentLength is null or 0) return true;
        if (request.ContentLength != original.Length) return false;

        // If the bodies differ, the service still needs this one.
        request.EnableBuffering(original.Length + 1);
        var body = new byte[original.Length];
        await request.Body.ReadExactlyAsync(body, request.HttpContext.RequestAborted);
        request.Body.Position = 0;
        return original.Span.SequenceEqual(body);
    }
}
