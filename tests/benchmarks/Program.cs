using System.Globalization;
using DurableGateway.Benchmarks;

// Service and proxy are processes of their own, as the gateway is: what is measured is not their sharing of a heap.
switch (args)
{
    case ["--serve", var port]:
        await BenchmarkService.RunAsync(int.Parse(port, CultureInfo.InvariantCulture));
        return 0;
    case ["--proxy", var port, var upstream]:
        await PlainProxy.RunAsync(int.Parse(port, CultureInfo.InvariantCulture), upstream);
        return 0;
}

IScenario[] counts = [new RunCounts(), new ParkedBytes(), new Allocations()];
IScenario[] all =
[
    new LivePath(), new StoredOnStart(), new OneStep(), new CallOfService(), new TenSteps(), new LongRun(), new FailureToReplay(),
    new DueStorm(), new StartAndIdle(), new ScaleOut(),
    .. counts,
];

Options options;
try
{
    options = Options.Parse(args);
    if (options.Scenarios.Except(all.Select(scenario => scenario.Name)).FirstOrDefault() is { } unknown)
        throw new FormatException($"There is no scenario {unknown}; see --list.");
}
catch (FormatException e)
{
    Console.Error.WriteLine($"{e.Message}\n{Options.Usage}");
    return 2;
}

if (options.List)
{
    foreach (var scenario in all) Console.WriteLine($"{scenario.Name,-12} {scenario.Description}");
    return 0;
}

OtherCommit? built;
try
{
    built = options.Against is { } commit ? await OtherCommit.BuildAsync(commit) : null;
}
catch (InvalidOperationException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}

await using var other = built;
var report = new Report();
await using (var site = new Site(options, other is null ? [Build.Own] : [Build.Own, other.Build]))
{
    Console.WriteLine($"{Environment.ProcessorCount} cores, load {Machine.Load()}\n");
    var chosen = (options.Counts ? counts : all)
        .Where(scenario => options.Scenarios.Count == 0 || options.Scenarios.Contains(scenario.Name));
    foreach (var scenario in chosen)
    {
        await scenario.RunAsync(site, report);
        Console.WriteLine(report.ToMarkdown(scenario.Name));
    }
}

foreach (var line in report.Skipped) Console.WriteLine(line);
if (other is not null) Console.WriteLine(report.Compare(other.Build.Suffix));
if (options.Out is { } path)
{
    await File.WriteAllTextAsync($"{path}.md", report.ToMarkdown() + string.Concat(report.Skipped.Select(line => $"{line}\n")));
    await report.WriteAsync($"{path}.json");
}

if (!options.Counts || options.Scenarios.Count > 0) return 0;
var exceeded = Limits.Check(report.Figures).ToArray();
foreach (var line in exceeded) Console.WriteLine(line);
Console.WriteLine(exceeded.Length == 0 ? "counts: within their limits" : $"counts: FAILED ({exceeded.Length})");
return exceeded.Length == 0 ? 0 : 1;
