using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DurableGateway.Client.AspNetCore;

/// <summary>The attempt of the current request.</summary>
internal sealed class StepScope(IHttpClientFactory clients, IOptions<DurableStepsOptions> options) : IDisposable
{
    public const string HttpClientName = "DurableGateway";

    public const string Unwrapped = "A handler that is not wrapped uses IStep. Add .WithDurableSteps() to its endpoint, "
        + "or app.UseDurableSteps() before it.";

    private DurableAttempt? _attempt;

    public bool HasBegun => _attempt is not null;

    /// <summary>Whether steps were requested in a handler that is not wrapped.</summary>
    public bool WasUsedUnwrapped { get; private set; }

    public bool ErrorDetails => options.Value.ErrorDetails;

    public ILogger Log => options.Value.Log;

    /// <exception cref="StepUsageException">The handler is not wrapped.</exception>
    public IStep Step
    {
        get
        {
            if (_attempt is { } attempt) return attempt.Step;
            WasUsedUnwrapped = true;
            throw new StepUsageException(Unwrapped);
        }
    }

    public DurableAttempt Begin(HttpContext context)
    {
        var headers = context.Request.Headers;
        return _attempt = DurableAttempt.Begin(
            name => headers.TryGetValue(name, out var values) ? values.ToString() : null,
            clients.CreateClient(HttpClientName), options.Value, context.RequestAborted);
    }

    public void Dispose() => _attempt?.Dispose();
}
