using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>Steps that are runs of another route.</summary>
public sealed class InvokeTests
{
    private readonly FakeRun _run = new();

    [Fact]
    public async Task Pending_IsPutWithPathMethodAndBody_AndSuspends()
    {
        var verdict = await _run.AttemptAsync(step => step.InvokeAsync<Order>("bill", "/invoices?dry=1", new Order(1, "n")));

        verdict.AssertSuspended();
        var call = Assert.Single(_run.Gateway.Puts);
        Assert.Equal(("invoke", "/invoices?dry=1", "POST"),
            (call["Durable-Step-Type"], call["Durable-Invoke-Path"], call["Durable-Invoke-Method"]));
        Assert.Equal(("application/json", """{"id":1,"name":"n"}"""), (call["Content-Type"], call.Text));
    }

    [Fact]
    public async Task WithoutABody_HasNoContent()
    {
        await _run.AttemptAsync(step => step.InvokeAsync<Order>("bill", "/invoices/1", method: HttpMethod.Delete));

        var call = Assert.Single(_run.Gateway.Puts);
        Assert.Equal("DELETE", call["Durable-Invoke-Method"]);
        Assert.Null(call["Content-Type"]);
        Assert.Empty(call.Body);
    }

    [Fact]
    public async Task Bytes_AreSentAsTheyAre()
    {
        await _run.AttemptAsync(step => step.InvokeAsync<Order>("bill", "/invoices", "raw"u8.ToArray()));

        Assert.Equal(("application/octet-stream", "raw"),
            (Assert.Single(_run.Gateway.Puts)["Content-Type"], _run.Gateway.Puts.Single().Text));
    }

    [Theory]
    [InlineData("/a b", "/a%20b")]
    [InlineData("/straße", "/stra%C3%9Fe")]
    [InlineData("/a%2Fb?x=%20", "/a%2Fb?x=%20")]
    [InlineData("/a\r\nDurable-Token: x", "/a%0D%0ADurable-Token:%20x")]
    public async Task Path_IsEncodedWhereItHasToBe_AndNotTwice(string path, string encoded)
    {
        await _run.AttemptAsync(step => step.InvokeAsync<Order>("bill", path));

        Assert.Equal(encoded, Assert.Single(_run.Gateway.Puts)["Durable-Invoke-Path"]);
    }

    [Fact]
    public async Task Answered_IsTheBodyOfTheResponse_AndNothingIsSentAgain()
    {
        _run.Complete("bill", "invoke", """{"id":2,"name":"m"}""");
        _run.Complete("delete", "invoke", "");

        var verdict = await _run.AttemptAsync(async step =>
        {
            Assert.Equal(new Order(2, "m"), await step.InvokeAsync<Order>("bill", "/invoices"));
            Assert.Null(await step.InvokeAsync<Order>("delete", "/invoices/1"));
        });

        Assert.True(verdict.IsCompleted);
        Assert.Empty(_run.Gateway.Puts);
    }

    [Fact]
    public async Task FailedChild_IsAFailureWithItsProblem()
    {
        _run.Fail("bill", "invoke", """{"type":"https://example.com/sold-out","title":"Sold out","detail":"none left","status":409}""");

        await _run.AttemptAsync(async step =>
        {
            var problem = (await Assert.ThrowsAsync<StepFailedException>(() => step.InvokeAsync<Order>("bill", "/invoices"))).Problem;
            Assert.Equal(("https://example.com/sold-out", "Sold out", "none left", 409),
                (problem.Type, problem.Title, problem.Detail, problem.Status));
        });
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("invoices")]
    [InlineData("//elsewhere/invoices")]
    [InlineData("http://elsewhere/invoices")]
    [InlineData("/invoices#1")]
    public async Task PathThatIsNone_IsToldSo(string? path) => await _run.AttemptAsync(async step =>
    {
        var e = await Assert.ThrowsAsync<ArgumentException>(() => step.InvokeAsync<Order>("bill", path!));
        Assert.Contains("/invoices?dry=1", e.Message, StringComparison.Ordinal);
    });

    [Fact]
    public async Task BodyThatCannotBeWritten_IsToldSo()
    {
        var verdict = await _run.AttemptAsync(step => step.InvokeAsync<Order>("bill", "/invoices", new { Type = typeof(string) }));

        verdict.AssertFailed("?0");
        Assert.Empty(_run.Gateway.Puts);
    }
}
