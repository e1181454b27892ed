using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Results;

/// <summary>Checks who may read a result beyond the token of its URL, and tells browsers how to handle the response.</summary>
internal sealed class ResultAccess(IRunStore store, AttemptRegistry registry, KeyRing keys)
{
    /// <summary>
    /// Keeps the URL out of caches and out of <c>Referer</c>. Headers that the service set in a stored response are unchanged.
    /// </summary>
    public static void ProtectUrl(HttpResponse response) => response.OnStarting(() =>
    {
        response.Headers.TryAdd("Referrer-Policy", "no-referrer");
        response.Headers.TryAdd("Cache-Control", "no-store");
        return Task.CompletedTask;
    });

    /// <summary>
    /// Keeps a URL with <see cref="ResultMember"/> out of caches and out of other sites' <c>Referer</c>. The service gets <c>Referer</c>,
    /// which form checks may need, without the member.
    /// </summary>
    public static void ProtectMember(HttpResponse response) => response.OnStarting(() =>
    {
        response.Headers.TryAdd("Referrer-Policy", "same-origin");
        if (ResultAtTarget.Of(response.HttpContext) is not null) response.Headers.TryAdd("Cache-Control", "no-store");
        return Task.CompletedTask;
    });

    /// <summary>Allows the sites that the policy names to read the answer, whatever it is.</summary>
    public async Task AllowOriginAsync(HttpContext context, RunId run)
    {
        if (context.Request.Headers.Origin.Count == 0 || await PolicyAsync(run) is not { } policy) return;
        context.Response.OnStarting(() =>
        {
            context.Response.AllowOrigin(policy);
            return Task.CompletedTask;
        });
    }

    public async Task PreflightAsync(HttpContext context, RunId run, string methods) =>
        Cors.AnswerPreflight(context, methods, context.Request.Headers.Origin.Count == 0 ? null : await PolicyAsync(run));

    /// <returns>The problem if the request lacks what the result is bound to (<c>BindResultTo</c>).</returns>
    public Problem? Check(HttpRequest request, RunSnapshot run)
    {
        var header = ResultBinding.HeaderOf(run.Binding);
        return ResultBinding.Allows(keys, run.Id, run.Binding, header.Length == 0 ? "" : request.Headers[header].ToString())
            ? null
            : Problems.ResultBound(run.Id, header);
    }

    private async Task<RunPolicy?> PolicyAsync(RunId run)
    {
        try
        {
            return await store.GetPolicyAsync(run) ?? (registry.TryGet(run, out var live) ? live.Policy : null);
        }
        catch (StoreUnavailableException)
        {
            // Reading the result reports the same error.
            return null;
        }
    }
}
