using System.Buffers.Binary;
using System.Net;
using System.Text;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Steps;

/// <summary>The binary form of <c>GET {callback}/steps</c> (§3).</summary>
public sealed class StepListTests
{
    private const string Binary = "application/vnd.durable.steps";

    [Fact]
    public async Task Outcomes_AreRawBytes()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        await attempt.PutAsync("charge", """{"id":1}""", ("Durable-Step-Duration", "1.5"));
        await attempt.PutBytesAsync("img%20%C3%A4", [0, 255], ("Content-Type", "image/png"));
        await attempt.PutBytesAsync("nothing", []);
        await attempt.FailAsync("notify", ("Durable-Retry", "?0"));
        await attempt.FailAsync("pending");

        var answer = await GetAsync(attempt, Binary);

        Assert.Equal((HttpStatusCode.OK, Binary, "Accept"), (answer.Status, answer["Content-Type"], answer["Vary"]));
        var steps = Read(answer.Body).ToDictionary(step => step.Id);
        Assert.Equal(["charge", "img ä", "nothing", "notify"], steps.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(("""{"id":1}""", "application/json", "run", false, 1),
            (Encoding.UTF8.GetString(steps["charge"].Body.Span), steps["charge"].ContentType, steps["charge"].Type, steps["charge"].Failed,
                steps["charge"].Attempt));
        Assert.Equal(1.5, (steps["charge"].EndedAt - steps["charge"].StartedAt).TotalSeconds, 0.002);
        Assert.Equal(("image/png", 2), (steps["img ä"].ContentType, steps["img ä"].Body.Length));
        Assert.Equal([0, 255], steps["img ä"].Body.ToArray());
        Assert.True(steps["nothing"].Body.IsEmpty);
        Assert.True(steps["notify"].Failed);
    }

    [Theory]
    [InlineData(Binary)]
    [InlineData("application/json;q=0.9, application/vnd.durable.steps")]
    [InlineData("Application/Vnd.Durable.Steps;q=0.1, application/json")]
    public async Task ClientThatNamesIt_GetsIt_AlsoOfARunThatIsNotStoredYet(string accept)
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();
        var answer = await GetAsync(attempt, accept);
        Assert.Equal(Binary, answer["Content-Type"]);
        Assert.Equal([0, 0, 0, 0], answer.Body);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("*/*")]
    [InlineData("application/*")]
    [InlineData("application/vnd.durable.steps;q=0, application/json")]
    [InlineData(";;;")]
    public async Task AnyOtherClient_GetsJson(string? accept)
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();
        var answer = await GetAsync(attempt, accept);
        Assert.Equal(("application/json", "[]"), (answer["Content-Type"], answer.Text));
    }

    [Fact]
    public async Task RunThatIsUnknown_AndWrongToken_AreProblems()
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();
        using var call = HeldAttempt.Call(HttpMethod.Get, attempt.Callback + "/steps", "wrong");
        call.Headers.Add("Accept", Binary);
        (await HeldAttempt.SendAsync(call)).AssertProblem(HttpStatusCode.Unauthorized, "token-invalid");
    }

    [Fact]
    public async Task ThousandsOfSteps_AreReadInPages_EachOnce()
    {
        const int Count = 2500;
        await using var world = await World.StartAsync(World.RetryMuchLater, "Durable:Policies:default:MaxSteps=5000");
        var (attempt, run) = await BeginStoredAsync(world);
        await StoreAsync(world, run, Count);
        var steps = Read((await GetAsync(attempt, Binary)).Body);
        Assert.Equal(Count + 1, steps.Count);
        Assert.Equal(Count + 1, steps.Select(step => step.Id).Distinct().Count());
        Assert.All(steps.Where(step => step.Id != "first"), step => Assert.Equal(step.Id, Encoding.UTF8.GetString(step.Body.Span)));
    }

    [Fact]
    public async Task ListThatCannotBeReadToTheEnd_HasNoEnd()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater, "Durable:Policies:default:MaxSteps=5000");
        var (attempt, run) = await BeginStoredAsync(world);
        await StoreAsync(world, run, 1500);
        var connection = world.Gateway.Services.GetRequiredService<StoreConnection>();
        var steps = new StoreKeys(run, connection.Shards).Steps;
        await connection.ExecuteAsync(db => db.HashSetAsync(steps, "broken", "C1"));
        try
        {
            // The page with the broken step may be the first one.
            (await GetAsync(attempt, Binary)).AssertProblem(HttpStatusCode.InternalServerError, "record-unreadable");
        }
        catch (HttpRequestException)
        {
            // The response was cut off.
        }
    }

    private static async Task<(HeldAttempt Attempt, RunId Run)> BeginStoredAsync(World world)
    {
        var attempt = await world.BeginAsync();
        await attempt.PutAsync("first");
        return (attempt, RunId.TryParse(attempt.RunId, out var run) ? run : throw new FormatException(attempt.RunId));
    }

    private static async Task StoreAsync(World world, RunId run, int count)
    {
        var live = world.Gateway.Services.GetRequiredService<AttemptRegistry>().TryGet(run, out var found) ? found! : null;
        foreach (var some in Enumerable.Range(0, count).Chunk(64))
        {
            await Task.WhenAll(some.Select(i =>
                world.Gateway.Store.StoreOutcomeAsync(run, live!.Key.Fence, Make.Outcome($"step-{i}", $"step-{i}"), 5000, null, "")));
        }
    }

    private static Task<CallAnswer> GetAsync(HeldAttempt attempt, string? accept)
    {
        var call = HeldAttempt.Call(HttpMethod.Get, attempt.Callback + "/steps", attempt.Token);
        if (accept is not null) call.Headers.TryAddWithoutValidation("Accept", accept);
        return HeldAttempt.SendAsync(call);
    }

    /// <summary>Reads a list as PROTOCOL.md describes it.</summary>
    private static List<StepOutcome> Read(ReadOnlyMemory<byte> list)
    {
        var steps = new List<StepOutcome>();
        while (true)
        {
            var length = (int)BinaryPrimitives.ReadUInt32BigEndian(Take(ref list, 4).Span);
            if (length == 0)
            {
                Assert.True(list.IsEmpty);
                return steps;
            }

            var record = Take(ref list, length);
            var head = Take(ref record, 21).Span;
            var (failed, attempt) = ((char)head[0] switch { 'F' => true, 'C' => false, var other => throw new FormatException($"{other}") },
                (int)BinaryPrimitives.ReadUInt32BigEndian(head[1..]));
            var (started, ended) = (BinaryPrimitives.ReadInt64BigEndian(head[5..]), BinaryPrimitives.ReadInt64BigEndian(head[13..]));
            var (id, type, contentType) = (Text(ref record), Text(ref record), Text(ref record));
            steps.Add(new StepOutcome
            {
                Id = id,
                Type = type,
                ContentType = contentType,
                Failed = failed,
                Attempt = attempt,
                StartedAt = DateTimeOffset.FromUnixTimeMilliseconds(started),
                EndedAt = DateTimeOffset.FromUnixTimeMilliseconds(ended),
                Body = record,
            });
        }

        static ReadOnlyMemory<byte> Take(ref ReadOnlyMemory<byte> from, int count)
        {
            var taken = from[..count];
            from = from[count..];
            return taken;
        }

        static string Text(ref ReadOnlyMemory<byte> from) =>
            Encoding.UTF8.GetString(Take(ref from, BinaryPrimitives.ReadUInt16BigEndian(Take(ref from, 2).Span)).Span);
    }
}
