namespace DurableGateway.Storage;

internal enum ScriptArgumentKind
{
    Required,

    /// <summary>Declared as <c>name?</c>. In the script, it is <c>nil</c> if it is absent or empty.</summary>
    Optional,

    /// <summary>Declared as <c>name*</c>. In the script, it is a list of all further values.</summary>
    Rest,
}
