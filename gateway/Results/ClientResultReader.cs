using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Results;

/// <summary>
/// Results as clients get them at a result URL: what the service sent, with references that lead where they would have led from the URL of
/// the request. What is stored stays as the service sent it.
/// </summary>
internal sealed class ClientResultReader(IRunStore store)
{
    public async Task<StoredResponse?> GetAsync(HttpContext context, RunId run)
    {
        var target = GetTargetAsync(context, run);
        var result = store.GetResultAsync(run);
        await Task.WhenAll(result, target);
        return await result is { } response ? Resolve(response, await target) : null;
    }

    /// <summary>The same for a response that is at hand.</summary>
    public async Task<StoredResponse> ResolveAsync(HttpContext context, RunId run, StoredResponse response) =>
        Resolve(response, await GetTargetAsync(context, run));

    private static StoredResponse Resolve(StoredResponse response, RequestTarget? target) =>
        target is null ? response : ResponseReferences.Resolve(response, target);

    private async Task<RequestTarget?> GetTargetAsync(HttpContext context, RunId run)
    {
        if (ResultAtTarget.Of(context) is { } at) return at.Target;
        try
        {
            return await store.GetTargetAsync(run) is { } target ? new RequestTarget(target) : null;
        }
        catch (UnreadableRecordException)
        {
            // A result that can be read is not withheld for that.
            return null;
        }
    }
}
