using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>A step that waits.</summary>
internal readonly record struct Waiter(RunId Run, string Step)
{
    /// <summary>The stored form.</summary>
    public override string ToString() => $"{Run} {Step}";

    public static bool TryParse(string text, out Waiter waiter)
    {
        waiter = default;
        var space = text.IndexOf(' ', StringComparison.Ordinal);
        if (space < 0 || !RunId.TryParse(text[..space], out var run)) return false;
        waiter = new Waiter(run, text[(space + 1)..]);
        return true;
    }
}
