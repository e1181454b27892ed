namespace DurableGateway.Runs;

/// <summary>A value that differs between two bodies.</summary>
/// <param name="Path">The names on the way to the value; an item of an array is <c>[n]</c>. Empty for the body as a whole.</param>
/// <param name="Old">The value of the earlier attempt, as JSON; <see langword="null"/> if there is none.</param>
/// <param name="New">The value of the replay, as JSON; <see langword="null"/> if there is none.</param>
internal sealed record ValueDifference(IReadOnlyList<string> Path, string? Old, string? New)
{
    public static bool IsIndex(string name) => name is ['[', .., ']'];

    /// <summary>The path of a member as in <c>Durable.Step.Ignore</c>, or the name of a form field.</summary>
    public string Name(string kind) => kind == CallDrift.Form
        ? string.Concat(Path)
        : "$" + string.Concat(Path.Select(name => IsIndex(name) ? name : "." + name));
}
