using DurableGateway.Storage;

namespace DurableGateway.Tests.Storage;

/// <summary>A call that does not match its script fails before anything is sent.</summary>
[Trait("Category", "Unit")]
public sealed class ScriptCallTests
{
    private static readonly Script Example = new("example", "", [ScriptKey.Run, ScriptKey.Due],
        [new("attempt", ScriptArgumentKind.Required), new("record", ScriptArgumentKind.Optional), new("events", ScriptArgumentKind.Rest)]);

    [Fact]
    public void NameThatIsNotDeclared_IsRefused()
    {
        Assert.Throws<ArgumentException>(() => new ScriptCall(Example) { ["attempts"] = 1 });
        Assert.Throws<ArgumentException>(() => new ScriptCall(Example) { [ScriptKey.Steps] = "steps" });
    }

    [Fact]
    public async Task KeyThatIsMissing_IsRefused() =>
        await AssertRefusedAsync("without its key Due", new ScriptCall(Example) { [ScriptKey.Run] = "run", ["attempt"] = 1 });

    [Fact]
    public async Task RequiredArgumentThatIsMissing_IsRefused() => await AssertRefusedAsync(
        "without its argument 'attempt'", new ScriptCall(Example) { [ScriptKey.Run] = "run", [ScriptKey.Due] = "due", ["record"] = "" });

    private static async Task AssertRefusedAsync(string message, ScriptCall call)
    {
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => call.EvaluateAsync(null!));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }
}
