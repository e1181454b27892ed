using System.Diagnostics;

namespace DurableGateway.Services;

/// <summary>Runs a part directly at its service and through a gateway, and compares the results.</summary>
internal sealed class Round
{
    private readonly string _name;
    private int _direct;
    private int _gateway;
    private int _alike;
    private int _home;
    private int _homes;
    private int _checks;
    private double _seconds;

    private Round(string name) => _name = name;

    public List<string> Failures { get; } = [];
    public int Passed => _alike + _home;

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
            await using var gateway = await Server.GatewayAsync(service.Url, directory, part.Settings);
            var direct = await TryAsync(part, tools, service.Url, "laneone", directory);
            var through = await TryAsync(part, tools, gateway.Url, "lanetwo", directory);
            round.Compare(direct, through);
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
        + $"{(_homes == 0 ? "" : $"{_home}/{_homes}"),8}{_seconds,8:0.0}";

    private static async Task<List<Observation>> TryAsync(Part part, Tools tools, Uri address, string lane, string directory)
    {
        var exercise = new Exercise(address, lane, Directory.CreateDirectory(Path.Combine(directory, lane)).FullName);
        await part.ExerciseAsync(exercise, tools);
        return exercise.Observations;
    }

    private void Compare(List<Observation> direct, List<Observation> through)
    {
        _checks = Math.Max(direct.Count, through.Count);
        _direct = direct.Count(each => each.Good);
        _gateway = through.Count(each => each.Good);
        for (var i = 0; i < _checks; i++)
        {
            var one = i < direct.Count ? direct[i] : new Observation("(nothing)", "", false);
            var other = i < through.Count ? through[i] : new Observation("(nothing)", "", false);
            if (one == other && one.Good) _alike++;
            else Failures.Add(one == other
                ? $"{one.What}: {one.Seen}"
                : $"{one.What}\n    direct:  {one.Seen}\n    gateway: {other.What}: {other.Seen}");
        }
    }
}
