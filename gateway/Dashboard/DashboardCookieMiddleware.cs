namespace DurableGateway.Dashboard;

/// <summary>
/// Removes the dashboard's cookies from requests to services. Cookies ignore ports (RFC 6265 §8.5): if both listeners have the same host
/// name, the browser sends an operator's session to the public listener too.
/// </summary>
internal sealed class DashboardCookieMiddleware(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext context)
    {
        var headers = context.Request.Headers;
        if (headers.Cookie is { Count: > 0 } sent && sent.Any(line =>
            line!.Contains(SessionCookies.Cookie, StringComparison.Ordinal)
                || line.Contains(SessionCookies.FormCookie, StringComparison.Ordinal)))
            headers.Cookie = sent.Select(line => Without(line!)).Where(line => line.Length > 0).ToArray();
        return next(context);
    }

    private static string Without(string line) => string.Join(';',
        line.Split(';').Where(pair => pair.Split('=')[0].Trim() is not (SessionCookies.Cookie or SessionCookies.FormCookie))).TrimStart();
}
