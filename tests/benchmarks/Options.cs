using System.Globalization;

namespace DurableGateway.Benchmarks;

/// <summary>The command line.</summary>
internal sealed record Options
{
    public const string Usage = """
        dotnet run -c Release --project tests/benchmarks -- [options]
          --list                 the scenarios
          --scenario <name>      one of them (may be repeated); all without it
          --counts               only what does not depend on the machine, against limits.json
          --against <commit>     the gateway of that commit too, in the same rounds
          --rounds <n>           measured rounds of each comparison (5)
          --seconds <s>          of each round (3)
          --warm-up <s>          of each contender before the first round (15)
          --runs <n>             runs that are parked and that are due at once (5000)
          --out <path>           figures as <path>.md and <path>.json
        """;

    public bool List { get; private init; }
    public bool Counts { get; private init; }
    public IReadOnlyList<string> Scenarios { get; private init; } = [];
    public string? Against { get; private init; }
    public int Rounds { get; private init; } = 5;
    public TimeSpan Span { get; private init; } = TimeSpan.FromSeconds(3);
    public TimeSpan WarmUp { get; private init; } = TimeSpan.FromSeconds(15);
    public int Runs { get; private init; } = 5000;
    public string? Out { get; private init; }

    /// <exception cref="FormatException">The line is not understood.</exception>
    public static Options Parse(string[] args)
    {
        var options = new Options();
        for (var i = 0; i < args.Length; i++)
        {
            options = args[i] switch
            {
                "--list" => options with { List = true },
                "--counts" => options with { Counts = true },
                "--scenario" => options with { Scenarios = [.. options.Scenarios, Value()] },
                "--against" => options with { Against = Value() },
                "--rounds" => options with { Rounds = int.Parse(Value(), CultureInfo.InvariantCulture) },
                "--seconds" => options with { Span = Seconds() },
                "--warm-up" => options with { WarmUp = Seconds() },
                "--runs" => options with { Runs = int.Parse(Value(), CultureInfo.InvariantCulture) },
                "--out" => options with { Out = Value() },
                var other => throw new FormatException($"{other} is not understood."),
            };
            TimeSpan Seconds() => TimeSpan.FromSeconds(double.Parse(Value(), CultureInfo.InvariantCulture));
            string Value() => ++i < args.Length ? args[i] : throw new FormatException($"{args[i - 1]} needs a value.");
        }

        return options;
    }
}
