using DurableGateway.Proxy;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Proxy;

[Trait("Category", "Unit")]
public sealed class StepsHeaderTests
{
    private const int Ample = 4096;

    [Fact]
    public void NoSteps_IsEmpty() => Assert.Equal("", StepsHeader.Format([], Ample));

    [Fact]
    public void ContractExample_IsWrittenAsThere() => Assert.Equal(
        "\"charge\";ok=:eyJpZCI6MX0=:, \"notify\";err=:eyJ0aXRsZSI6Im5vIn0=:",
        StepsHeader.Format([Make.Outcome("charge", """{"id":1}"""), Make.Failure("notify", """{"title":"no"}""")], Ample));

    [Fact]
    public void ContentType_IsWrittenOnlyWhereItIsNotTheDefault() => Assert.Equal(
        "\"a\";ok=:eA==:;ct=\"text/plain; charset=utf-8\", \"b\";err=:eA==:;ct=\"application/json\", "
        + "\"c\";ok=:eA==:;ct=\"application/problem+json\"",
        StepsHeader.Format(
        [
            Make.Outcome("a", "x") with { ContentType = "text/plain; charset=utf-8" },
            Make.Failure("b", "x") with { ContentType = "application/json" },
            Make.Outcome("c", "x") with { ContentType = "application/problem+json" },
        ], Ample));

    [Fact]
    public void IdWithQuotes_IsEscaped() =>
        Assert.Equal(@"""say \""hi\"" \\o/"";ok=::", StepsHeader.Format([Make.Outcome("say \"hi\" \\o/", "")], Ample));

    [Fact]
    public void IdBeyondAscii_IsLeftOut() =>
        Assert.Equal("\"b\";ok=:MQ==:", StepsHeader.Format([Make.Outcome("größe", "1"), Make.Outcome("b", "1")], Ample));

    [Fact]
    public void Budget_IsInclusive()
    {
        StepOutcome[] steps = [Make.Outcome("a", "1"), Make.Outcome("b", "2")];
        const string Both = "\"a\";ok=:MQ==:, \"b\";ok=:Mg==:";
        Assert.Equal(Both, StepsHeader.Format(steps, Both.Length));
        Assert.Equal("\"a\";ok=:MQ==:", StepsHeader.Format(steps, Both.Length - 1));
        Assert.Equal("", StepsHeader.Format(steps, 0));
    }

    [Fact]
    public void OneBeyondTheBudget_LaterSmallerOneStillFits()
    {
        StepOutcome[] steps = [Make.Outcome("big", new string('x', 100)), Make.Outcome("s", "1")];
        Assert.Equal("\"s\";ok=:MQ==:", StepsHeader.Format(steps, 40));
    }
}
