using System.Globalization;
using System.Text.Json;
using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>The form of the calls (§3 of the contract).</summary>
public sealed class RequestFormTests
{
    [Fact]
    public async Task Result_IsPutWithTokenTypeAndDuration()
    {
        var gateway = new FakeGateway();

        await gateway.RunAsync(step => step.RunAsync("charge", _ => Task.FromResult(new Order(1, "ä"))));

        var call = Assert.Single(gateway.Calls);
        Assert.Equal(("PUT", FakeGateway.Url + "/steps/charge"), (call.Method, call.Url));
        Assert.Equal((FakeGateway.Token, "application/json"), (call["Durable-Token"], call["Content-Type"]));
        Assert.True(call["Durable-Step-Outcome"] is null or "completed");
        Assert.True(call["Durable-Step-Type"] is null or "run");
        Assert.Null(call["Durable-Retry"]);
        Assert.Null(call["Retry-After"]);
        Assert.Matches("^[0-9]+(\\.[0-9]+)?$", call["Durable-Step-Duration"]);
        Assert.Equal(new Order(1, "ä"), JsonSerializer.Deserialize<Order>(call.Body, JsonSerializerOptions.Web));
    }

    [Theory]
    [InlineData("a b", "a%20b")]
    [InlineData("a/b", "a%2Fb")]
    [InlineData("/", "%2F")]
    [InlineData("100%", "100%25")]
    [InlineData("%2F", "%252F")]
    [InlineData("#1", "%231")]
    [InlineData("a?b", "a%3Fb")]
    [InlineData("a+b", "a%2Bb")]
    [InlineData("a\\b", "a%5Cb")]
    [InlineData("straße", "stra%C3%9Fe")]
    [InlineData("🚀", "%F0%9F%9A%80")]
    [InlineData("a/../b", "a%2F..%2Fb")]
    [InlineData("...", "...")]
    [InlineData(" ", "%20")]
    [InlineData("tab\t", "tab%09")]
    [InlineData("a-._~Z9", "a-._~Z9")]
    public async Task Id_IsPercentEncodedOnce(string name, string path)
    {
        var gateway = new FakeGateway();

        await gateway.RunAsync(step => step.RunAsync(name, _ => Task.FromResult(1)));

        Assert.Equal(FakeGateway.Url + "/steps/" + path, Assert.Single(gateway.Calls).Url);
    }

    [Fact]
    public async Task Failure_IsPutAsAProblemThatTellsTheException()
    {
        var gateway = FakeGateway.That(Answer.Later);

        await gateway.RunAsync(step => step.RunAsync("label", _ => throw new TimeoutException("printer jammed")));

        var call = Assert.Single(gateway.Calls);
        Assert.Equal(("failed", "application/problem+json"), (call["Durable-Step-Outcome"], call["Content-Type"]));
        Assert.Null(call["Durable-Retry"]);
        Assert.Null(call["Retry-After"]);
        using var problem = JsonDocument.Parse(call.Body);
        Assert.Equal("printer jammed", problem.RootElement.GetProperty("detail").GetString());
        Assert.Equal("System.TimeoutException", problem.RootElement.GetProperty("exceptionType").GetString());
        Assert.Contains(nameof(RequestFormTests), problem.RootElement.GetProperty("stackTrace").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Failure_WithoutStackTraces_HasNone()
    {
        var gateway = FakeGateway.That(Answer.Later);
        using var attempt = gateway.Begin(options: new DurableStepsOptions { StackTraces = false });

        await attempt.RunAsync(token => attempt.Step.RunAsync("label", _ => throw new TimeoutException("printer jammed"), token));

        Assert.DoesNotContain("stackTrace", Assert.Single(gateway.Calls).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NonRetryable_SaysSo()
    {
        var gateway = new FakeGateway();

        await gateway.RunAsync(step => step.RunAsync("charge", _ => throw new NonRetryableException("declined")));

        Assert.Equal(("failed", "?0"), (Assert.Single(gateway.Calls)["Durable-Step-Outcome"], gateway.Calls.Single()["Durable-Retry"]));
    }

    [Theory]
    [InlineData(2_500, "2.5")]
    [InlineData(0, "0")]
    [InlineData(3_600_000, "3600")]
    public async Task RetryAfter_IsPutInDecimalSeconds(int milliseconds, string seconds)
    {
        var gateway = FakeGateway.That(Answer.Later);
        var before = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = new CultureInfo("") { NumberFormat = { NumberDecimalSeparator = "," } };
        try
        {
            await gateway.RunAsync(step =>
                step.RunAsync("charge", _ => throw new RetryAfterException(TimeSpan.FromMilliseconds(milliseconds))));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }

        var call = Assert.Single(gateway.Calls);
        Assert.Equal(seconds, call["Retry-After"]);
        Assert.Null(call["Durable-Retry"]);
    }

    [Fact]
    public void RetryAfter_OfANegativeDelay_IsRefused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new RetryAfterException(TimeSpan.FromSeconds(-1)));

    [Fact]
    public async Task Duration_IsTheBodysAndInvariant()
    {
        var gateway = FakeGateway.That(Answer.Later);

        await gateway.RunAsync(step => step.RunAsync("label", _ => throw new TimeoutException("printer")));

        Assert.True(decimal.TryParse(Assert.Single(gateway.Calls)["Durable-Step-Duration"], NumberStyles.AllowDecimalPoint,
            CultureInfo.InvariantCulture, out _));
    }
}
