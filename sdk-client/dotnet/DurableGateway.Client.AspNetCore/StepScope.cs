using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace DurableGateway.Client.AspNetCore;

/// <summary>The attempt of the request at hand.</summary>
internal sealed class StepScope(IHttpClientFactory clients, IOptions<DurableStepsOptions> options) : IDisposable
{
    public const string HttpClientName = "DurableGateway";

    private DurableAttempt? _attempt;

    public bool HasBegun => _attempt is not null;

    /// <exception cref="StepUsageException">Nothing wraps the handler.</exception>
    public IStep Step => _attempt?.Step ?? throw new StepUsageException(
        "IStep is used by a handler that is not wrapped. Add .WithDurableSteps() to its endpoint, or app.UseDurableSteps() before it.");

    public DurableAttempt Begin(HttpContext context)
    {
        var headers = context.Request.Headers;
        return _attempt = DurableAttempt.Begin(
            name => headers.TryGetValue(name, out var values) ? values.ToString() : null,
            clients.CreateClient(HttpClientName), options.Value, context.RequestAborted);
    }

    public void Dispose() => _attempt?.Dispose();
}
