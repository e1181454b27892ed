using DurableGateway.Admin;
using DurableGateway.Configuration;
using DurableGateway.Runs;

namespace DurableGateway.Tests.Admin;

[Trait("Category", "Unit")]
public sealed class BodyMaskerTests
{
    [Theory]
    [InlineData("X-Api-Key", true)]
    [InlineData("x-auth-token", true)]
    [InlineData("Ocp-Apim-Subscription-Key", true)]
    [InlineData("X-Hub-Signature-256", true)]
    [InlineData("Authorization", true)]
    [InlineData("Idempotency-Key", false)]
    [InlineData("X-Request-Id", false)]
    [InlineData("Content-Type", false)]
    public void HeadersThatAreCredentials_AreMasked(string name, bool isMasked)
    {
        var shown = new BodyMasker(SettingsBinder.Bind(new ConfigurationBuilder().Build())).Headers([new HeaderLine(name, "value")], "");
        Assert.Equal(isMasked ? BodyMasker.Mask : "value", Assert.Single(shown).Value);
    }
}
