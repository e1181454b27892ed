using System.Text;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>The record of a policy omits values that the format knows, and keeps every other.</summary>
[Trait("Category", "Unit")]
public sealed class PolicyRecordTests
{
    [Fact]
    public void Defaults_AreOmitted()
    {
        Assert.Equal("{}", Text(new RunPolicy()));
        Assert.Equal("""{"MaxAttempts":3}""", Text(new RunPolicy { MaxAttempts = 3 }));
        Assert.Equal(new RunPolicy(), PolicyRecord.Decode("{}"u8.ToArray()));
    }

    [Fact]
    public void EveryMember_IsRestored()
    {
        var policy = Make.ChangedPolicy();
        foreach (var member in typeof(RunPolicy).GetProperties().Where(member => member.CanWrite))
            Assert.False(Equals(member.GetValue(new RunPolicy()), member.GetValue(policy)), $"{member.Name} is not changed.");

        var unlimited = new RunPolicy { InlineHeaderBytes = null };
        Assert.Equal(policy, PolicyRecord.Decode(PolicyRecord.Encode(policy)));
        Assert.Equal(unlimited, PolicyRecord.Decode(PolicyRecord.Encode(unlimited)));
    }

    /// <summary>What a record omits has these values for ever, whatever the configuration's defaults become.</summary>
    [Fact]
    public void OmittedValues_AreThoseOfTheFormat()
    {
        var policy = PolicyRecord.Decode("{}"u8.ToArray());

        Assert.Equal((8, TimeSpan.FromSeconds(1)), (policy.MaxAttempts, policy.RetryDelay));
        Assert.Equal(TimeSpan.FromSeconds(100), policy.AttemptTimeout);
        Assert.Equal((TimeSpan.FromDays(7), TimeSpan.FromDays(1)), (policy.RunTimeout, policy.Retention));
        Assert.Equal((4L << 20, 16L << 20, 4L << 20), (policy.MaxRequestBytes, policy.MaxResponseBytes, policy.MaxStepBytes));
        Assert.Equal((PersistMode.OnFirstCheckpoint, OversizedRequests.Proxy), (policy.Persist, policy.OversizedRequests));
        Assert.Equal((10_000, 4096, 8192), (policy.MaxSteps, policy.InlineStepBytes, policy.InlineHeaderBytes));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"MaxAttempts\":\"many\"}")]
    [InlineData("{\"RetryStatuses\":{\"Text\":\"9-1\"}}")]
    [InlineData("{\"MaxAttempts\":3")]
    public void Damaged_CannotBeRead(string record) =>
        Assert.Throws<UnreadableRecordException>(() => PolicyRecord.Decode(Encoding.UTF8.GetBytes(record)));

    [Fact]
    public void Missing_CannotBeRead() => Assert.Throws<UnreadableRecordException>(() => PolicyRecord.Decode(null));

    private static string Text(RunPolicy policy) => Encoding.UTF8.GetString(PolicyRecord.Encode(policy));
}
