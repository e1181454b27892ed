namespace DurableGateway.Tests.Support;

internal sealed partial class RedisServer
{
    /// <summary>Skips the test if there is no server, unless <c>DURABLE_TESTS_REQUIRE</c> requires one.</summary>
    public static void SkipIfMissing()
    {
        if (Missing is null) return;
        var required = Environment.GetEnvironmentVariable("DURABLE_TESTS_REQUIRE") ?? "";
        Assert.False(required.Contains("redis", StringComparison.OrdinalIgnoreCase), $"DURABLE_TESTS_REQUIRE names redis, but {Missing}");
        Assert.Skip(Missing);
    }
}
