namespace DurableGateway.Storage;

internal enum ScriptArgumentKind
{
    Required,

    /// <summary>Declared as <c>name?</c>. The script sees <c>nil</c> where it is absent or empty.</summary>
    Optional,

    /// <summary>Declared as <c>name*</c>. The script sees a list of all further values.</summary>
    Rest,
}
