using DurableGateway.Proxy;
using Yarp.ReverseProxy.Forwarder;

namespace DurableGateway.Tests.Proxy;

[Trait("Category", "Unit")]
public sealed class ForwardingFailureTests
{
    /// <summary>YARP names its errors for programs.</summary>
    [Fact]
    public void Errors_AreExplainedInWords()
    {
        foreach (var error in Enum.GetValues<ForwarderError>())
        {
            var words = ForwardingFailure.Explain(error, null);
            Assert.NotEqual(error.ToString(), words);
            Assert.True(char.IsLower(words[0]), $"{error}: {words}");
        }
    }
}
