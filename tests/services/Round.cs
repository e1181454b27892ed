using System.Diagnostics;
using DurableGateway.Tests.Support;

namespace DurableGateway.Services;

/// <summary>
/// Runs a part directly at its service, through the public listener of a gateway, and through the egress listener of another, and compares
/// the results.
/// </summary>
internal sealed class Round
{
    /// <summary>A name for each way to the service, so that what they create does not conflict.</summary>
    public static readonly IReadOnlyList<string> Lanes = ["laneone", "lanetwo", "lanethree"];

    private readonly string _name;
    private int _direct;
    private int _gateway;
    private int _alike;
    private int _egress;
    private int _egressAlike;
    private int _steps;
    private int _home;
    private int _homes;
    private int _checks;
    private double _seconds;

    private Round(string name) => _name = name;

    public List<string> Failures { get; } = [];
    public int Passed => _alike + _egressAlike + _home;

    public static async Task<Round> RunAsync(Part part, Tools tools)
    {
        var round = new Round(part.Name);
        var watch = Stopwatch.StartNew();
        var directory = Directory.CreateTempSubdirectory($"durable-services-{part.Name}-").FullName;

        // Services that do not run as root must be able to read their files.
        File.SetUnixFileMode(directory, (UnixFileMode)0b111_111_111);
        try
        {
            await using var service = await part.StartAsync(tools, directory);
            await using var gateway = await Server.GatewayAsync(service.Url, directory, FreePort.Next(), part.Settings);
            var direct = await TryAsync(part, tools, service.Url, Lanes[0], directory);
            var through = await TryAsync(part, tools, gateway.Url, Lanes[1], directory);
            (round._gateway, round._alike) = round.Compare("gateway", direct, through);
            await using (var run = await HeldRun.StartAsync(service.Url, directory))
            {
                var calls = await TryAsync(part, tools, run.Url, Lanes[2], directory);
                (round._egress, round._egressAlike) = round.Compare("egress", direct, calls);
                round._steps = await run.CountStepsAsync();
                if (round._steps == 0 && part.MakesSteps) round.Failures.Add("no call through the egress listener was remembered");
            }

            var home = new Exercise(gateway.Url, "home", directory);
            await part.ComeHomeAsync(home, service);
            round._homes = home.Observations.Count;
            round._home = home.Observations.Count(each => each.Good);
            round.Failures.AddRange(home.Observations.Where(each => !each.Good).Select(each => $"{each.What}: {each.Seen}"));
        }
        catch (Exception e) when (e is InvalidOperationException or TimeoutException or IOException or HttpRequestException
            or System.Text.Json.JsonException)
        {
            round.Failures.Add(e.Message);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }

        round._seconds = watch.Elapsed.TotalSeconds;
        return round;
    }

    public override string ToString() =>
        $"{_name,-12}{$"{_direct}/{_checks}",10}{$"{_gateway}/{_checks}",10}{$"{_alike}/{_checks}",10}"
        + $"{$"{_egress}/{_checks}",10}{$"{_egressAlike}/{_checks}",10}{_steps,8}"
        + $"{(_homes == 0 ? "" : $"{_home}/{_homes}"),8}{_seconds,8:0.0}";

    private static async Task<List<Observation>> TryAsync(Part part, Tools tools, Uri address, string lane, string directory)
    {
        var exercise = new Exercise(address, lane, Directory.CreateDirectory(Path.Combine(directory, lane)).FullName);
        await part.ExerciseAsync(exercise, tools);
        return exercise.Observations;
    }

    /// <returns>The checks that succeed through the gateway, and those of them that are as they are without it.</returns>
    private (int Good, int Alike) Compare(string way, List<Observation> direct, List<Observation> through)
    {
        var alike = 0;
        _checks = Math.Max(direct.Count, through.Count);
        _direct = direct.Count(each => each.Good);
        for (var i = 0; i < _checks; i++)
        {
            var one = i < direct.Count ? direct[i] : new Observation("(nothing)", "", false);
            var other = i < through.Count ? through[i] : new Observation("(nothing)", "", false);
            if (one == other && one.Good) alike++;
            else Failures.Add(one == other
                ? $"{one.What}: {one.Seen}"
                : $"{one.What}\n    direct:  {one.Seen}\n    {way}: {other.What}: {other.Seen}");
        }

        return (through.Count(each => each.Good), alike);
    }
}
