using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Results;

/// <summary>Decides who may read a result URL besides needing its token, and tells browsers what they may do with it.</summary>
internal sealed class ResultAccess(IRunStore store, AttemptRegistry registry, KeyRing keys)
{
    /// <summary>
    /// Nobody is to learn the URL from a browser that goes on from there, or from a cache. What the service said of that in a stored
    /// response stands.
    /// </summary>
    public static void ProtectUrl(HttpResponse response) => response.OnStarting(() =>
    {
        response.Headers.TryAdd("Referrer-Policy", "no-referrer");
        response.Headers.TryAdd("Cache-Control", "no-store");
        return Task.CompletedTask;
    });

    /// <summary>
    /// The same for a URL with <see cref="ResultMember"/>. The service may need <c>Referer</c> (checks of forms do), and gets it without
    /// the member; other sites get none.
    /// </summary>
    public static void ProtectMember(HttpResponse response) => response.OnStarting(() =>
    {
        response.Headers.TryAdd("Referrer-Policy", "same-origin");
        if (ResultAtTarget.Of(response.HttpContext) is not null) response.Headers.TryAdd("Cache-Control", "no-store");
        return Task.CompletedTask;
    });

    /// <summary>The sites that the policy names may read the answer, whatever it will be.</summary>
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

    /// <returns>The problem of a request that lacks what the result is bound to (<c>BindResultTo</c>).</returns>
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
            // The same is said of the result itself, soon.
            return null;
        }
    }
}
