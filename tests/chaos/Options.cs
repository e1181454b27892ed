using System.Globalization;

namespace DurableGateway.Chaos;

/// <summary>The options of the command line.</summary>
internal sealed record Options
{
    public const string Usage = """
        dotnet run -c Release --project tests/chaos -- [--seconds 60] [--seed n] [--store redis|cluster|embedded]
                                                       [--clients 24] [--logs folder]

          --seconds   how long faults are injected; the run ends when all that was promised has come home
          --seed      repeats the choice of faults; a random one is printed
          --store     a Redis with appendfsync always, or a Redis Cluster of three primaries and three replicas with MinReplicas 1,
                      or one gateway with the embedded store
          --clients   how many clients send at once
          --logs      where the gateways' warnings are written; otherwise they are not
        """;

    public int Seconds { get; init; } = 60;
    public int Seed { get; init; } = Random.Shared.Next(1, 1_000_000);
    public string Store { get; init; } = "redis";
    public bool Cluster => Store == "cluster";
    public bool Embedded => Store == "embedded";
    public int Clients { get; init; } = 24;
    public string? Logs { get; init; }

    public static Options? Parse(string[] args)
    {
        var options = new Options();
        for (var i = 0; i < args.Length; i += 2)
        {
            if (i + 1 == args.Length) return null;
            var value = args[i + 1];
            var number = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var parsed) && parsed > 0
                ? parsed
                : (int?)null;
            Options? next = (args[i], number) switch
            {
                ("--seconds", { } seconds) => options with { Seconds = seconds },
                ("--seed", { } seed) => options with { Seed = seed },
                ("--clients", { } clients) => options with { Clients = clients },
                ("--store", null) when value is "redis" or "cluster" or "embedded" => options with { Store = value },
                ("--logs", _) => options with { Logs = Directory.CreateDirectory(value).FullName },
                _ => null,
            };
            if (next is null) return null;
            options = next;
        }

        return options;
    }
}
