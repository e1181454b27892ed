using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Results;

/// <summary>
/// Reads results for clients at a result URL. References in the headers lead to the same place as from the URL of the request. The stored
/// result stays as the service sent it.
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

    /// <summary>Resolves the references of a response that is already read.</summary>
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
            // The result is returned even if the request cannot be read.
            return null;
        }
    }
}
