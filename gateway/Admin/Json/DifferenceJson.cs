namespace DurableGateway.Admin.Json;

/// <param name="Path">The path of the value, or the name of the form field; <c>$</c> for the whole body.</param>
/// <param name="Old">The value of the earlier attempt, as JSON; <see langword="null"/> if there is none.</param>
/// <param name="New">The value of the replay, as JSON; <see langword="null"/> if there is none.</param>
internal sealed record DifferenceJson(string Path, string? Old, string? New);
