using DurableGateway.Runs;

namespace DurableGateway.Tests.Runs;

[Trait("Category", "Unit")]
public sealed class AttemptJudgeTests
{
    [Theory]
    [InlineData(200, null, null, (int)AttemptOutcome.Completed)]
    [InlineData(404, null, null, (int)AttemptOutcome.Completed)]
    [InlineData(501, null, null, (int)AttemptOutcome.Completed)]
    [InlineData(500, null, null, (int)AttemptOutcome.Failed)]
    [InlineData(502, null, null, (int)AttemptOutcome.Failed)]
    [InlineData(503, null, null, (int)AttemptOutcome.Failed)]
    [InlineData(504, null, null, (int)AttemptOutcome.Failed)]
    [InlineData(500, null, false, (int)AttemptOutcome.FailedForGood)]
    [InlineData(200, null, false, (int)AttemptOutcome.Completed)]
    [InlineData(422, null, false, (int)AttemptOutcome.Completed)]
    [InlineData(200, null, true, (int)AttemptOutcome.Failed)]
    [InlineData(500, null, true, (int)AttemptOutcome.Failed)]
    [InlineData(202, true, null, (int)AttemptOutcome.Suspended)]
    [InlineData(500, true, false, (int)AttemptOutcome.Suspended)]
    [InlineData(202, false, null, (int)AttemptOutcome.Completed)]
    [InlineData(503, false, null, (int)AttemptOutcome.Failed)]
    public void Response_IsJudgedByHeadersThenByPolicy(int status, bool? suspended, bool? retry, int expected) =>
        Assert.Equal((AttemptOutcome)expected, AttemptJudge.Judge(new RunPolicy(), status, suspended, retry));

    [Fact]
    public void StatusesOfThePolicy_Decide()
    {
        var policy = new RunPolicy { RetryStatuses = new StatusRanges("429") };
        Assert.Equal(AttemptOutcome.Failed, AttemptJudge.Judge(policy, 429, null, null));
        Assert.Equal(AttemptOutcome.Completed, AttemptJudge.Judge(policy, 500, null, null));
    }
}
