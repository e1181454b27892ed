namespace DurableGateway.Dashboard;

/// <summary>
/// Keeps the dashboard's cookies from services. To a browser the two listeners are one site where they have one host name: cookies know
/// no ports (RFC 6265 §8.5), so what an operator logged in with would go along to whatever is behind the public one.
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
