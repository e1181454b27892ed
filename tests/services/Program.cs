using System.Diagnostics;
using DurableGateway.Services;
using DurableGateway.Services.Checkouts;
using DurableGateway.Services.Parts;

var required = (Environment.GetEnvironmentVariable("DURABLE_TESTS_REQUIRE") ?? "").Contains("services", StringComparison.OrdinalIgnoreCase);
if (args is ["--checkouts", ..]) return await CheckoutSuite.RunAsync(args, required);

Part[] parts = [new GitPart(), new NpmPart(), new WebDavPart(), new SubversionPart(), new PhpPart(), new WebSocketPart(), new EventsPart()];
var chosen = args is ["--only", var names] ? names.Split(',') : [.. parts.Select(part => part.Name)];
if (args.Length is not (0 or 2) || chosen.Except(parts.Select(part => part.Name)).Any())
{
    Console.Error.WriteLine($"dotnet run --project tests/services -- [--only {string.Join(',', parts.Select(part => part.Name))}]");
    Console.Error.WriteLine(CheckoutSuite.Usage);
    return 2;
}

var watch = Stopwatch.StartNew();
parts = [.. parts.Where(part => chosen.Contains(part.Name))];
var tools = await Tools.PrepareAsync(parts.Any(part => part.NeedsNpm));
int passed = 0, failed = 0, skipped = 0;
Console.WriteLine($"{"",-12}{"direct",10}{"gateway",10}{"alike",10}{"egress",10}{"alike",10}{"steps",8}{"home",8}{"s",8}");
foreach (var part in parts)
{
    if (tools.Missing(part.Commands, part.NeedsNpm) is { } missing)
    {
        Console.WriteLine($"{part.Name,-12}skipped: {missing}");
        skipped++;
        if (required) failed++;
        continue;
    }

    var round = await Round.RunAsync(part, tools);
    Console.WriteLine(round);
    passed += round.Passed;
    failed += round.Failures.Count;
    foreach (var failure in round.Failures) Console.WriteLine($"  FAILED {part.Name}: {failure}");
}

if (required && skipped > 0) Console.WriteLine("DURABLE_TESTS_REQUIRE names services: nothing may be skipped.");
Console.WriteLine($"{watch.Elapsed.TotalSeconds:0} s");
Console.WriteLine($"services: {passed} passed, {failed} failed, {skipped} skipped");
return failed == 0 ? 0 : 1;
