using DurableGateway.Configuration;

namespace DurableGateway.Tests.Configuration;

/// <summary><c>Durable:Admin:Mask</c>: read whole, or refused with every error.</summary>
[Trait("Category", "Unit")]
public sealed class MaskBinderTests
{
    [Fact]
    public void NamesAndPaths_AreRead()
    {
        var settings = Bind(("Headers:0", "X-Secret"), ("JsonPaths:0", "cards.*.number"));
        Assert.Equal(["X-Secret"], settings.MaskedHeaders);
        Assert.Equal(["cards.*.number"], settings.MaskedJsonPaths);
    }

    [Fact]
    public void WhatIsNeitherNameNorPath_IsRefused_AllAtOnce()
    {
        var refused = Assert.Throws<ConfigurationException>(() =>
            Bind(("Headers:0", "X Secret"), ("JsonPaths:0", "a..b"), ("Bodies", "all")));
        foreach (var key in new[] { "Mask:Headers:0", "Mask:JsonPaths:0", "Mask:Bodies" })
            Assert.Contains(key, refused.Message, StringComparison.Ordinal);
    }

    private static GatewaySettings Bind(params (string Key, string Value)[] values) => SettingsBinder.Bind(new ConfigurationBuilder()
        .AddInMemoryCollection(values.Select(pair => KeyValuePair.Create($"Durable:Admin:Mask:{pair.Key}", (string?)pair.Value))).Build());
}
