using DurableGateway.Runs;

namespace DurableGateway.Admin.Json;

/// <summary>How a call of a service has drifted: what was done with it, and the values that differ, with secrets masked.</summary>
internal sealed record DriftJson(string Reaction, string Kind, IReadOnlyList<DifferenceJson> Differences, int More)
{
    public static DriftJson From(CallDrift drift) => new(drift.Reaction, drift.Kind,
        [.. drift.Differences.Select(one => new DifferenceJson(one.Name(drift.Kind), one.Old, one.New))], drift.More);

    /// <summary>The differences in one line.</summary>
    public override string ToString() =>
        string.Join("; ", Differences.Select(one => $"{one.Path}: {one.Old ?? "none"} → {one.New ?? "none"}"))
        + (More > 0 ? $"; and {More} more" : "");
}
