using System.Buffers.Text;
using System.Text;
using DurableGateway.Configuration;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Events;

/// <summary>The URLs of callback steps (§6): absolute, with a capability in the path.</summary>
internal sealed class CallbackUrls(GatewaySettings settings, Tokens tokens, IWaitStore store)
{
    public const string Path = WirePaths.Callbacks;

    /// <summary>The base is <c>Durable:PublicBaseUrl</c>, otherwise the scheme and host of the run's request.</summary>
    public async Task<string> ForAsync(Waiter waiter)
    {
        var step = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(waiter.Step));
        return $"{settings.PublicBaseUrl ?? await BaseOfAsync(waiter.Run)}{Path}{waiter.Run}/{step}/"
            + $"{tokens.ForCallback(waiter.Run, waiter.Step)}";
    }

    /// <returns>The step, or <see langword="null"/> if the URL is invalid.</returns>
    public Waiter? Parse(string? run, string? step, string? token)
    {
        if (!RunId.TryParse(run, out var id) || string.IsNullOrEmpty(step) || !Base64Url.IsValid(step)) return null;
        var name = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(step));
        return tokens.VerifyCallback(id, name, token) ? new Waiter(id, name) : null;
    }

    private async Task<string> BaseOfAsync(RunId run)
    {
        if (await store.GetRequestAsync(run) is not { } request) return "";
        var host = request.Headers.FirstOrDefault(line => line.Name.Equals("Host", StringComparison.OrdinalIgnoreCase)).Value;
        return host is null ? "" : $"{request.Scheme}://{host}";
    }
}
