namespace DurableGateway.Listeners;

/// <summary>
/// Lets the endpoints of the control listener answer <c>HEAD</c> as they answer <c>GET</c>. The server knows what the client sent, and
/// sends no body.
/// </summary>
internal sealed class HeadMiddleware(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (HttpMethods.IsHead(context.Request.Method)) context.Request.Method = HttpMethods.Get;
        return next(context);
    }
}
