using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Results;

/// <summary>
/// Removes <see cref="ResultMember"/> from the target and from <c>Referer</c> before routes, services, records and logs see them. Answers a
/// request that fetches the result of its target. Any other request continues without the member.
/// </summary>
internal sealed class ResultMemberMiddleware(RequestDelegate next, ResultEndpoints results)
{
    public Task InvokeAsync(HttpContext context)
    {
        var headers = context.Request.Headers;
        if (headers.Referer is { Count: 1 } referer && ResultMember.IsIn(referer.ToString()))
            headers.Referer = ResultMember.RemoveFrom(referer.ToString(), out _);
        var request = context.Features.GetRequiredFeature<IHttpRequestFeature>();
        var target = ResultMember.RemoveFrom(request.RawTarget, out var member);
        return member is null ? next(context) : TakeAsync(context, request, target, member);
    }

    private async Task TakeAsync(HttpContext context, IHttpRequestFeature request, string target, ResultMember member)
    {
        request.RawTarget = target;
        request.QueryString = target.IndexOf('?', StringComparison.Ordinal) is >= 0 and var query ? target[query..] : "";
        ResultAccess.ProtectMember(context.Response);
        if (!await results.TryAnswerAsync(context, member)) await next(context);
    }
}
