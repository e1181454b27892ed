using System.Globalization;
using System.Net;

namespace DurableGateway.Benchmarks;

/// <summary>A run whose first attempt fails with <c>Retry-After: 0</c>, so that the policy's delay is what is waited for.</summary>
/// <param name="ToReplay">From the request to the replay at the service, less the delay, in milliseconds.</param>
/// <param name="ToClient">From the replay at the service to the client's response, in milliseconds.</param>
internal readonly record struct FlakyRun(double ToReplay, double ToClient)
{
    private const double Delay = 20;

    /// <param name="client">Does not follow redirects by itself.</param>
    public static async Task<FlakyRun> PassAsync(HttpClient client, Gateway gateway)
    {
        var began = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        using var redirect = await client.GetAsync(gateway.On("durable", "flaky"));
        if (redirect.StatusCode != HttpStatusCode.SeeOther)
            throw new InvalidOperationException($"Expected 303, got {redirect.StatusCode}.");
        using var result = await client.GetAsync(gateway.Result(redirect.Headers.Location!));
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        var reached = long.Parse(result.Headers.GetValues("X-Reached").Single(), CultureInfo.InvariantCulture);
        return new FlakyRun(reached - began - Delay, now - reached);
    }
}
