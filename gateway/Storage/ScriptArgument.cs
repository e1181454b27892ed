namespace DurableGateway.Storage;

/// <param name="Name">By which the script and its callers know it.</param>
/// <param name="Kind">Whether it has to be given.</param>
internal readonly record struct ScriptArgument(string Name, ScriptArgumentKind Kind);
