using System.Globalization;
using System.Net;

namespace DurableGateway.Benchmarks;

/// <summary>The comparisons, each printed as a table.</summary>
internal static class Comparisons
{
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(3);

    public static async Task PassThroughAsync(Site site, int rounds)
    {
        Console.WriteLine("Pass-through, 32 clients      req/s     p50 ms    p99 ms");
        var (direct, yarp, plain, durable) = (new List<Sample>(), new List<Sample>(), new List<Sample>(), new List<Sample>());
        for (var round = -1; round < rounds; round++)
        {
            var samples = (await Load.RunAsync(new Uri(site.Service, "/x"), 32, Round),
                await Load.RunAsync(new Uri(site.Proxy, "/x"), 32, Round),
                await Load.RunAsync(new Uri(site.Gateway, "/plain/x"), 32, Round),
                await Load.RunAsync(new Uri(site.Gateway, "/durable/x"), 32, Round));
            if (round < 0) continue; // The first is for the compiler.
            direct.Add(samples.Item1);
            yarp.Add(samples.Item2);
            plain.Add(samples.Item3);
            durable.Add(samples.Item4);
        }

        Print("  service alone", direct);
        Print("  YARP alone", yarp);
        Print("  plain route", plain);
        Print("  durable route", durable);
        foreach (var (name, route) in new[] { ("plain", plain), ("durable", durable) })
        {
            var ratio = Median(route.Zip(yarp, (ours, theirs) => ours.PerSecond / theirs.PerSecond));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {name + " / YARP alone",-26} {ratio,8:P1}"));
        }

        Console.WriteLine();
    }

    public static async Task StepsAsync(Site site, int rounds)
    {
        Console.WriteLine("A request with ten steps      req/s     p50 ms    p99 ms");
        var (alone, many) = (new List<Sample>(), new List<Sample>());
        for (var round = -1; round < rounds; round++)
        {
            var samples = (await Load.RunAsync(new Uri(site.Gateway, "/durable/steps"), 1, Round),
                await Load.RunAsync(new Uri(site.Gateway, "/durable/steps"), 64, Round));
            if (round < 0) continue;
            alone.Add(samples.Item1);
            many.Add(samples.Item2);
        }

        Print("  one client", alone);
        Print("  64 clients", many);
        Console.WriteLine();
    }

    /// <summary>The service fails with <c>Retry-After: 0</c>, so that the policy's delay of 20 ms is what is waited for.</summary>
    public static async Task DueToReplayAsync(Site site)
    {
        const int Runs = 50;
        const double Delay = 20;
        using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        var (reached, home) = (new List<double>(), new List<double>());
        for (var run = 0; run < Runs; run++)
        {
            var failed = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
            using var redirect = await client.GetAsync(new Uri(site.Gateway, "/durable/flaky"));
            if (redirect.StatusCode != HttpStatusCode.SeeOther)
                throw new InvalidOperationException($"Expected 303, got {redirect.StatusCode}.");
            using var result = await client.GetAsync(new Uri(site.Gateway, redirect.Headers.Location!));
            var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
            var at = long.Parse(result.Headers.GetValues("X-Reached").Single(), CultureInfo.InvariantCulture);
            reached.Add(at - failed - Delay);
            home.Add(now - at);
        }

        Console.WriteLine("One run, idle gateway (ms)              p50       max");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  failure to replay, less the delay  {Median(reached),6:F0}    {reached.Max(),6:F0}"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  replay at the service to client    {Median(home),6:F0}    {home.Max(),6:F0}"));
    }

    private static void Print(string name, List<Sample> samples) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{name,-26} {Median(samples.Select(s => s.PerSecond)),9:F0} {Median(samples.Select(s => s.P50)),10:F2} "
        + $"{Median(samples.Select(s => s.P99)),9:F2}"));

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }
}
