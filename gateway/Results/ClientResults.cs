using DurableGateway.Runs;
using DurableGateway.Storage;

namespace DurableGateway.Results;

/// <summary>
/// Results as clients get them at a result URL: what the service sent, with references that lead where they would have led from the URL of the
/// request. What is stored stays as the service sent it.
/// </summary>
internal sealed class ClientResults(IRunStore store)
{
    public async Task<StoredResponse?> GetAsync(RunId run)
    {
        var target = GetTargetAsync(run);
        var result = store.GetResultAsync(run);
        await Task.WhenAll(result, target);
        return await result is { } response ? Resolve(response, await target) : null;
    }

    /// <summary>The same for a response that is at hand.</summary>
    public async Task<StoredResponse> ResolveAsync(RunId run, StoredResponse response) => Resolve(response, await GetTargetAsync(run));

    private static StoredResponse Resolve(StoredResponse response, string? target) =>
        target is null ? response : ResponseReferences.Resolve(response, new RequestTarget(target));

    private async Task<string?> GetTargetAsync(RunId run)
    {
        try
        {
            return await store.GetTargetAsync(run);
        }
        catch (UnreadableRecordException)
        {
            // A result that can be read is not withheld for that.
            return null;
        }
    }
}
