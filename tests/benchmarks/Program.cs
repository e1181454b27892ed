using System.Globalization;
using DurableGateway.Benchmarks;

// The service is a process of its own, as the gateway is: what is measured is not their sharing of a heap.
if (args is ["--serve", var port])
{
    await BenchmarkService.RunAsync(int.Parse(port, CultureInfo.InvariantCulture));
    return;
}

if (args is ["--proxy", var listen, var upstream])
{
    await PlainProxy.RunAsync(int.Parse(listen, CultureInfo.InvariantCulture), upstream);
    return;
}

var rounds = args is ["--rounds", var count] ? int.Parse(count, CultureInfo.InvariantCulture) : 5;
await using var site = await Site.StartAsync();
Console.WriteLine($"{Environment.ProcessorCount} cores, {rounds} rounds, interleaved; every figure is the median of its rounds");
Console.WriteLine();
await Comparisons.PassThroughAsync(site, rounds);
await Comparisons.StepsAsync(site, rounds);
await Comparisons.DueToReplayAsync(site);
