using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace DurableGateway.Client;

/// <summary>How steps are kept.</summary>
public sealed class DurableStepsOptions
{
    /// <summary>How results are written and read. Add source-generated contexts to its resolver chain.</summary>
    /// <value>The default is <see cref="JsonSerializerOptions.Web"/>; in ASP.NET Core, the options of minimal APIs.</value>
    public JsonSerializerOptions? Json { get; set; }

    /// <summary>Whether the stack of a step's failure is stored with it, for operators to see.</summary>
    /// <value>The default is <see langword="true"/>.</value>
    public bool StackTraces { get; set; } = true;

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Without reflection these options know no type, and a step then says what to do.")]
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = "As above.")]
    internal JsonSerializerOptions JsonOrDefault => Json ?? JsonSerializerOptions.Web;
}
