using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>Outcomes in the request's headers, and outcomes that the SDK has to read (§2 of the contract).</summary>
public sealed class InjectionTests
{
    private const string Listed = """
        [{"id":"a","type":"run","outcome":"completed","contentType":"application/json","body":"MQ==","attempt":1,
          "startedAt":"2026-11-23T03:36:16.157+00:00","endedAt":"2026-11-23T03:36:16.157+00:00"},
         {"id":"\u00E4\u002B","type":"run","outcome":"completed","contentType":"application/json","body":"Mg==","attempt":1,"new":{}},
         {"id":"no","type":"run","outcome":"failed","contentType":"application/problem+json","body":"eyJ0aXRsZSI6Im5vIn0=","attempt":1}]
        """;

    [Fact]
    public async Task Ok_IsReturnedWithoutExecution()
    {
        var gateway = new FakeGateway();

        var verdict = await gateway.RunAsync(
            async step => Assert.Equal(new Order(1, "n"), await step.RunAsync("charge", Never<Order>)),
            steps: "\"charge\";ok=:eyJpZCI6MSwibmFtZSI6Im4ifQ==:");

        Assert.True(verdict.IsCompleted);
        Assert.Empty(gateway.Calls);
    }

    [Fact]
    public async Task Err_IsThrownWithoutExecution()
    {
        var gateway = new FakeGateway();

        var verdict = await gateway.RunAsync(
            async step => Assert.Equal("no",
                (await Assert.ThrowsAsync<StepFailedException>(() => step.RunAsync("notify", Never<int>))).Problem.Title),
            steps: "\"notify\";err=:eyJ0aXRsZSI6Im5vIn0=:");

        Assert.True(verdict.IsCompleted);
        Assert.Empty(gateway.Calls);
    }

    [Theory]
    [InlineData("eyJ0aXRsZSI6Im5vIiwic3RhdHVzIjoieCJ9", "no")] // {"title":"no","status":"x"}
    [InlineData("W10=", null)] // []
    [InlineData("b29wcw==", null)] // oops
    [InlineData("", null)]
    public async Task Err_OfAnotherShape_IsAFailureAllTheSame(string base64, string? title) =>
        await new FakeGateway().RunAsync(
            async step =>
            {
                var failure = await Assert.ThrowsAsync<StepFailedException>(() => step.RunAsync("notify", Never<int>));
                if (title is not null) Assert.Equal(title, failure.Problem.Title);
            },
            steps: $"\"notify\";err=:{base64}:");

    [Theory]
    [InlineData("\"s\";ok=:MQ==:")]
    [InlineData("\"s\";ok=:MQ==:;ct=\"application/json; charset=utf-8\"")]
    [InlineData("\"s\";ct=\"text/json\";ok=:MQ==:")]
    [InlineData("\"s\";ok=:MQ==:;new")]
    [InlineData("\"s\";new;ok=:MQ==:")]
    [InlineData("\"s\";new=?1;ok=:MQ==:")]
    [InlineData("\"s\";n=12;m=-1.5;ok=:MQ==:;t=*tok/en:x")]
    [InlineData("\"s\";n=\"ok=:Mg==:\";ok=:MQ==:")]
    [InlineData("\"s\";n=@1659578233;ok=:MQ==:")]
    [InlineData("\"s\";n=%\"f%c3%bc\";ok=:MQ==:")] // Display String of RFC 9651
    [InlineData("\"s\"; ok=:MQ==:; n=1")]
    [InlineData("\"other\";ok=:Mg==:,\"s\";ok=:MQ==:")]
    [InlineData("\"other\";ok=:Mg==:\t,\t \"s\";ok=:MQ==:")]
    public async Task Item_IsReadWhateverElseIsInIt(string steps)
    {
        var gateway = new FakeGateway();

        var verdict = await gateway.RunAsync(async step => Assert.Equal(1, await step.RunAsync("s", Never<int>)), steps, count: 1);

        Assert.True(verdict.IsCompleted);
        Assert.Empty(gateway.Calls);
    }

    [Theory]
    [InlineData("\"a\\\"b\"", "a\"b")]
    [InlineData("\"a\\\\b\"", "a\\b")]
    [InlineData("\"a/b\"", "a/b")]
    [InlineData("\"a, b;ok=:\"", "a, b;ok=:")]
    [InlineData("\"charge#2\"", "charge#2")]
    public async Task Id_IsReadWithItsEscapes(string item, string name)
    {
        var gateway = new FakeGateway();

        await gateway.RunAsync(async step => Assert.Equal(1, await step.RunAsync(name, Never<int>)), steps: item + ";ok=:MQ==:");

        Assert.Empty(gateway.Calls);
    }

    [Theory]
    [InlineData("charge")]
    [InlineData("\"charge")]
    [InlineData("\"charge\";ok=:MQ=")]
    [InlineData("\"charge\";ok=:M!:")]
    [InlineData("\"charge\";ok=:MQ==:,")]
    [InlineData("\"charge\";ok=:MQ==: \"b\"")]
    [InlineData("\"charge\";")]
    [InlineData("\"charge\";=1")]
    [InlineData("\"charge\";OK=:MQ==:")]
    [InlineData("\"ch\\arge\";ok=:MQ==:")]
    [InlineData("\"strä\";ok=:MQ==:")]
    public void Malformed_FailsTheAttempt(string steps)
    {
        var e = Assert.Throws<CheckpointException>(() => new FakeGateway().Begin(FakeGateway.Headers(steps, 1)));
        Assert.Contains("Durable-Steps", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Durable-Step-Count", "x")]
    [InlineData("Durable-Step-Count", "-1")]
    [InlineData("Durable-Attempt", "")]
    [InlineData("Durable-Attempt", "first")]
    [InlineData("Durable-Run-Id", "")]
    [InlineData("Durable-Token", "")]
    [InlineData("Durable-Callback", "")]
    [InlineData("Durable-Callback", "relative only")]
    public void HeaderMissingOrMalformed_FailsTheAttempt(string name, string value)
    {
        var headers = FakeGateway.Headers();
        headers[name] = value;

        Assert.Throws<CheckpointException>(() => new FakeGateway().Begin(headers));
    }

    [Fact]
    public async Task CountGreater_FetchesTheRestOnce_ThoughManySteps()
    {
        var gateway = FakeGateway.With(call => call.Method == "GET" ? new Answer(200, Listed) : null);

        var verdict = await gateway.RunAsync(
            async step =>
            {
                var both = await Task.WhenAll(step.RunAsync("a", Never<int>), step.RunAsync("ä+", Never<int>));
                Assert.Equal([1, 2], both);
                await Assert.ThrowsAsync<StepFailedException>(() => step.RunAsync("no", Never<int>));
                Assert.Equal(9, await step.RunAsync("new", _ => Task.FromResult(9)));
            },
            steps: "\"a\";ok=:MQ==:", count: 3);

        Assert.True(verdict.IsCompleted);
        Assert.Equal((FakeGateway.Url + "/steps", FakeGateway.Token),
            (Assert.Single(gateway.Gets).Url, gateway.Gets.Single()["Durable-Token"]));
        Assert.Equal("new", Assert.Single(gateway.Puts).Step);
    }

    [Fact]
    public async Task CountGreater_FetchesNothing_WhereAllThatIsAskedForIsInlined()
    {
        var gateway = new FakeGateway();

        await gateway.RunAsync(async step => Assert.Equal(1, await step.RunAsync("a", Never<int>)), steps: "\"a\";ok=:MQ==:", count: 3);

        Assert.Empty(gateway.Calls);
    }

    [Fact]
    public async Task CountEqual_FetchesNothing_ForAStepThatIsNew()
    {
        var gateway = new FakeGateway();

        await gateway.RunAsync(step => step.RunAsync("new", _ => Task.FromResult(1)), steps: "\"a\";ok=:MQ==:", count: 1);

        Assert.Equal("PUT", Assert.Single(gateway.Calls).Method);
    }

    [Fact]
    public async Task ItemWithoutAnOutcome_IsFetched()
    {
        var gateway = FakeGateway.With(call => call.Method == "GET" ? new Answer(200, Listed) : null);

        await gateway.RunAsync(async step => Assert.Equal(1, await step.RunAsync("a", Never<int>)), steps: "\"a\";new=1", count: 1);

        Assert.Single(gateway.Gets);
    }

    [Theory]
    [InlineData(401, "{}")]
    [InlineData(503, "{}")]
    [InlineData(200, "{}")]
    [InlineData(200, "oops")]
    [InlineData(200, "[1]")]
    [InlineData(200, """[{"id":"a"}]""")]
    [InlineData(200, """[{"id":"a","outcome":"completed","contentType":"x/y","body":"!"}]""")]
    public async Task FetchFails_FailsTheAttemptAndExecutesNothing(int status, string body)
    {
        var gateway = FakeGateway.With(call => call.Method == "GET" ? new Answer(status, body) : null);

        var verdict = await gateway.RunAsync(step => Assert.ThrowsAsync<CheckpointException>(() => step.RunAsync("a", Never<int>)),
            count: 1);

        verdict.AssertFailed("?1");
    }

    [Fact]
    public async Task FetchUnknown_TriesTheNextAddress()
    {
        var gateway = FakeGateway.With(call =>
            call.Url.StartsWith(FakeGateway.Url, StringComparison.Ordinal) ? Answer.Problem(404, "run-unknown") : new Answer(200, Listed));

        await gateway.RunAsync(async step => Assert.Equal(1, await step.RunAsync("a", Never<int>)), count: 3,
            callback: FakeGateway.Url + "," + FakeGateway.OtherUrl);

        Assert.Equal(2, gateway.Gets.Count());
    }

    [Fact]
    public void AnotherVersion_FailsTheAttempt_AndSaysSo()
    {
        var headers = FakeGateway.Headers();
        headers["Durable-Protocol"] = "2";

        var e = Assert.Throws<CheckpointException>(() => new FakeGateway().Begin(headers));
        Assert.Contains("version '2'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Replay_KnowsItsRunAndAttempt()
    {
        using var attempt = new FakeGateway().Begin(FakeGateway.Headers(attempt: 3));

        await attempt.RunAsync(_ =>
        {
            Assert.Equal((FakeGateway.Run, 3, true, true),
                (attempt.Step.Run.Id, attempt.Step.Run.Attempt, attempt.Step.Run.IsDurable, attempt.Step.Run.IsReplay));
            return Task.CompletedTask;
        });
    }

    private static Task<T> Never<T>(CancellationToken token)
    {
        Assert.Fail("A step was executed whose outcome is stored.");
        return null!;
    }
}
