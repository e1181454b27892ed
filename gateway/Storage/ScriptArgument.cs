namespace DurableGateway.Storage;

/// <param name="Name">The name in the script and in calls.</param>
/// <param name="Kind">Whether the argument is required.</param>
internal readonly record struct ScriptArgument(string Name, ScriptArgumentKind Kind);
