using System.Text;
using DurableGateway.Admin;
using DurableGateway.Configuration;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Admin;

/// <summary>What services say about their failures is kept for operators, whatever bytes it consists of.</summary>
public sealed class FailureReaderTests
{
    /// <summary>Bodies of old services that name one encoding and use another, and of attackers.</summary>
    public static TheoryData<byte[]> UnreadableBodies => new()
    {
        """{"title":"\ud800"}"""u8.ToArray(),
        Encoding.Latin1.GetBytes("""{"title":"Ungültig"}"""),
        Encoding.Latin1.GetBytes("""{"tütle":"x"}"""),
        new byte[] { 0xff, 0xfe, 0, 1 },
    };

    [Theory]
    [MemberData(nameof(UnreadableBodies))]
    public void UnreadableBody_IsDescribed(byte[] body)
    {
        foreach (var masks in new[] { "", "password" })
            Assert.NotEmpty(ReaderWith(masks).Read("application/json", null, body, isWhole: true).Reason);
    }

    /// <summary>The error of the reader must not be an error of the attempt, which would not count and be repeated without end.</summary>
    [Theory]
    [MemberData(nameof(UnreadableBodies))]
    [Trait("Category", "Integration")]
    public async Task FailureWithAnUnreadableBody_CountsLikeAnyOther(byte[] body)
    {
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            context.Response.StatusCode = 500;
            context.Response.ContentType = "application/json";
            await context.Response.Body.WriteAsync(body);
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url,
            "Durable:Policies:default:Retry:MaxAttempts=2", "Durable:Policies:default:Retry:Delay=00:00:00.050");

        using var result = await gateway.Follower.GetAsync("/pay");

        Assert.Equal((System.Net.HttpStatusCode.InternalServerError, 2), (result.StatusCode, service.Seen.Count));
        Assert.Equal(body, await result.Content.ReadAsByteArrayAsync());
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/json")]
    public void DocumentThatIsCutOff_IsNotKept_IfItMayHoldSecrets(string contentType)
    {
        var body = """  {"password":"hunter2","title":"wro"""u8.ToArray();

        var masked = ReaderWith("password").Read(contentType, null, body, isWhole: false);

        Assert.DoesNotContain("hunter2", masked.Reason + masked.Body, StringComparison.Ordinal);
        Assert.Contains("more than 36 bytes", masked.Reason, StringComparison.Ordinal);
        Assert.Contains("hunter2", ReaderWith("").Read("text/plain", null, body, isWhole: false).Reason, StringComparison.Ordinal);
    }

    private static FailureReader ReaderWith(string masks) => new(new BodyMasker(SettingsBinder.Bind(new ConfigurationBuilder()
        .AddInMemoryCollection(masks.Length == 0 ? [] : new Dictionary<string, string?> { ["Durable:Admin:Mask:JsonPaths:0"] = masks })
        .Build())));
}
