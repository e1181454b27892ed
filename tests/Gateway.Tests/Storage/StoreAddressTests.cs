using DurableGateway.Storage;

namespace DurableGateway.Tests.Storage;

[Trait("Category", "Unit")]
public sealed class StoreAddressTests
{
    [Theory]
    [InlineData("localhost:6390", "localhost:6390")]
    [InlineData("redis", "redis:6379")]
    [InlineData("redis,ssl=true", "redis:6380")]
    [InlineData("127.0.0.1:7000,[::1]:7001,password=secret", "127.0.0.1:7000, [::1]:7001")]
    public void Format_IsWhatPeopleWrite_AndHasNoPassword(string connectionString, string expected) =>
        Assert.Equal(expected, StoreAddress.Format(connectionString));
}
