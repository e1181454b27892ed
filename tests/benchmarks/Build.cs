namespace DurableGateway.Benchmarks;

/// <summary>A gateway to measure.</summary>
/// <param name="Suffix">Empty for the tree that this program was built from; <c> @&lt;commit&gt;</c> for another.</param>
internal sealed record Build(string Assembly, string Suffix)
{
    public static Build Own { get; } = new(Path.Combine(AppContext.BaseDirectory, "gateway.dll"), "");
}
