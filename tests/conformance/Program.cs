using System.Diagnostics;
using DurableGateway.Conformance;

// Usage: dotnet run --project tests/conformance -- --language dotnet|typescript|go|python|all [--only part of a name] [--write]
var root = Repository();
string[] languages = ["dotnet", "typescript", "go", "python"];
string? language = "all", only = null, command = null;
var write = false;
for (var i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--language" when i + 1 < args.Length:
            language = args[++i];
            break;
        case "--only" when i + 1 < args.Length:
            only = args[++i];
            break;
        case "--service" when i + 1 < args.Length:
            command = args[++i];
            break;
        case "--write":
            write = true;
            break;
        default:
            Console.Error.WriteLine(
                $"'{args[i]}' is not known. --language {string.Join('|', languages)}|all, "
                + "--service <command>, --only <part of a name>, --write");
            return 2;
    }
}

var scenarios = Scenario.Load(Path.Combine(root, "tests/conformance/scenarios"))
    .Where(one => only is null || one.Name.Contains(only, StringComparison.Ordinal)).ToList();
var gatewayDll = Environment.GetEnvironmentVariable("GATEWAY") ?? Path.Combine(root, "gateway/bin/Debug/net10.0/gateway.dll");
var results = new Dictionary<string, IReadOnlyDictionary<string, string?>>();
await using var scripted = await ScriptedGateway.StartAsync();
var begun = Stopwatch.GetTimestamp();
foreach (var one in language == "all" ? languages : [language])
{
    var serve = command ?? Path.Combine(root, "sdk-client", one, "conformance/serve");
    if (language == "all" && !File.Exists(serve))
    {
        Console.Error.WriteLine($"{one}: there is no {serve}");
        return 1;
    }

    // An SDK that has its steps in a second form has a second service, serve-<form>.
    string[] forms = command is null ? Directory.GetFiles(Path.GetDirectoryName(serve)!, "serve-*") : [];
    foreach (var service in forms.Order(StringComparer.Ordinal).Prepend(serve))
    {
        var column = service == serve ? one : $"{one}, {Path.GetFileName(service)["serve-".Length..]}";
        results[column] = await SuiteAsync(service);
        foreach (var (name, fault) in results[column].Where(result => result.Value is not null))
            Console.Error.WriteLine($"{column}: {name}: {fault}");
    }
}

var table = Table.Of(scenarios, results);
Console.WriteLine(table);
Console.WriteLine($"{scenarios.Count} scenarios of {results.Count} services, {Stopwatch.GetElapsedTime(begun).TotalSeconds:F0} s");
if (write && language == "all" && only is null) Table.Write(Path.Combine(root, "sdk-client/README.md"), table);
return results.Values.Any(result => result.Count == 0 || result.Values.Any(fault => fault is not null)) ? 1 : 0;

async Task<IReadOnlyDictionary<string, string?>> SuiteAsync(string serve)
{
    var journal = Path.GetTempFileName();
    try
    {
        await using var service = await ServiceProcess.StartAsync(serve, journal);
        await using var real = await RealGateway.StartAsync(gatewayDll, service.Url);
        var runner = new Runner(service, scripted, real);
        var mine = scenarios.Where(scenario => !scenario.Needs.Any(service.Lacks.Contains)).ToList();
        var faults = new Dictionary<string, string?>();

        // Those in which the service exits would take the others with them.
        var gentle = mine.Where(scenario => !scenario.Needs.Contains("exit")).ToList();
        await Parallel.ForEachAsync(gentle, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (scenario, _) =>
        {
            var fault = await runner.RunAsync(scenario);
            lock (faults) faults[scenario.Name] = fault;
        });
        foreach (var scenario in mine.Except(gentle)) faults[scenario.Name] = await runner.RunAsync(scenario);
        if (faults.Values.Any(fault => fault is not null)) Console.Error.WriteLine(service.Output);
        return mine.ToDictionary(scenario => scenario.Name, scenario => faults[scenario.Name]);
    }
    finally
    {
        File.Delete(journal);
    }
}

static string Repository()
{
    var folder = new DirectoryInfo(AppContext.BaseDirectory);
    while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Gateway.sln"))) folder = folder.Parent;
    return folder?.FullName ?? throw new InvalidOperationException("This is not run in the repository.");
}
