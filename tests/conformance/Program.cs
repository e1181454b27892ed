using System.Diagnostics;
using System.Globalization;
using DurableGateway.Conformance;

// Usage: dotnet run --project tests/conformance -- --language dotnet|typescript|go|python|all [--only part of a name] [--steps 10000]
// [--write]
var root = Repository();
string[] languages = ["dotnet", "typescript", "go", "python"];
string? language = "all", only = null, command = null;
var steps = 500;
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
        case "--steps" when i + 1 < args.Length && int.TryParse(args[i + 1], CultureInfo.InvariantCulture, out steps)
            && Expansion.CanShare(steps):
            i++;
            break;
        case "--write":
            write = true;
            break;
        default:
            Console.Error.WriteLine(
                $"'{args[i]}' is not known. --language {string.Join('|', languages)}|all, "
                + "--service <command>, --only <part of a name>, --steps <a multiple of 50>, --write");
            return 2;
    }
}

var scenarios = Scenario.Load(Path.Combine(root, "tests/conformance/scenarios"), steps)
    .Where(one => only is null || one.Name.Contains(only, StringComparison.Ordinal)).ToList();
var gatewayDll = Environment.GetEnvironmentVariable("GATEWAY") ?? Path.Combine(root, "gateway/bin/Debug/net10.0/gateway.dll");
var results = new Dictionary<string, IReadOnlyDictionary<string, string?>>();
var hosts = new Dictionary<string, IReadOnlyDictionary<string, string?>>();
var summary = new List<string>();
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

    // An SDK that has its steps in a second form, or in a second host, has a second service, serve-<form>. All have the same address,
    // and so one gateway.
    string[] forms = command is null ? Directory.GetFiles(Path.GetDirectoryName(serve)!, "serve-*") : [];
    var port = Ports.Free();
    await using var real = await RealGateway.StartAsync(gatewayDll, $"http://127.0.0.1:{port}");
    foreach (var path in forms.Order(StringComparer.Ordinal).Prepend(serve))
    {
        var column = path == serve ? one : $"{one}, {Path.GetFileName(path)["serve-".Length..]}";
        var started = Stopwatch.GetTimestamp();
        var (result, isHost) = await SuiteAsync(path, port, real);
        (isHost ? hosts : results)[column] = result;
        foreach (var (name, fault) in result.Where(result => result.Value is not null))
            Console.Error.WriteLine($"{column}: {name}: {fault}");
        var passed = result.Values.Count(fault => fault is null);
        summary.Add($"{column}: {passed} of {result.Count} passed, {Stopwatch.GetElapsedTime(started).TotalSeconds:F0} s");
    }
}

var table = Table.Of(scenarios, results);
Console.WriteLine(table);
foreach (var line in summary) Console.WriteLine(line);
Console.WriteLine($"{scenarios.Count} scenarios, {Stopwatch.GetElapsedTime(begun).TotalSeconds:F0} s");
if (write && language == "all" && only is null) Table.Write(Path.Combine(root, "sdk-client/README.md"), table);

// A service that runs nothing has not passed, unless none of the wanted scenarios is for its host.
var all = results.Values.Concat(hosts.Values).SelectMany(result => result.Values);
return results.Values.Any(result => result.Count == 0) || all.Any(fault => fault is not null) ? 1 : 0;

async Task<(IReadOnlyDictionary<string, string?> Result, bool IsHost)> SuiteAsync(string serve, int port, RealGateway real)
{
    var journal = Path.GetTempFileName();
    try
    {
        await using var service = await ServiceProcess.StartAsync(serve, journal, port);
        var runner = new Runner(service, scripted, real);
        var mine = scenarios.Where(scenario => scenario.Http || !service.HttpOnly)
            .Where(scenario => !scenario.Needs.Any(service.Lacks.Contains)).ToList();
        var faults = new Dictionary<string, string?>();

        // Scenarios in which the service exits would interrupt the others.
        var gentle = mine.Where(scenario => !scenario.Alone && !scenario.Needs.Contains("exit")).ToList();
        await Parallel.ForEachAsync(gentle, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (scenario, _) =>
        {
            var fault = await runner.RunAsync(scenario);
            lock (faults) faults[scenario.Name] = fault;
        });
        foreach (var scenario in mine.Except(gentle)) faults[scenario.Name] = await runner.RunAsync(scenario);
        if (faults.Values.Any(fault => fault is not null)) Console.Error.WriteLine(service.Output);
        return (mine.ToDictionary(scenario => scenario.Name, scenario => faults[scenario.Name]), service.HttpOnly);
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
