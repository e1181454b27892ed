using System.Text.Json;
using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>How results are serialized, and read in a replay.</summary>
public sealed class ResultTests
{
    [Fact]
    public async Task Record_IsJsonWithWebOptions() =>
        await RoundTripAsync(step => step.RunAsync("s", _ => Task.FromResult(new Order(1, "n"))), """{"id":1,"name":"n"}""",
            "application/json", Assert.Equal);

    [Fact]
    public async Task Number_IsJson() =>
        await RoundTripAsync(step => step.RunAsync("s", _ => Task.FromResult(12)), "12", "application/json", Assert.Equal);

    [Fact]
    public async Task Null_IsJsonNull() =>
        await RoundTripAsync(step => step.RunAsync("s", _ => Task.FromResult<Order?>(null)), "null", "application/json", Assert.Equal);

    [Fact]
    public async Task List_IsJson() =>
        await RoundTripAsync(step => step.RunAsync("s", _ => Task.FromResult<List<int>>([1, 2])), "[1,2]",
            "application/json", Assert.Equal);

    [Fact]
    public async Task Metadata_IsTheOneThatWasGiven() => await RoundTripAsync(
        step => step.RunAsync("s", _ => Task.FromResult(new Order(1, "n")), PlainContext.Default.Order), """{"Id":1,"Name":"n"}""",
        "application/json", Assert.Equal);

    [Fact]
    public async Task Metadata_WithReflectionOff_KeepsTypesOfTheContextAlone()
    {
        var gateway = new FakeGateway();
        using var attempt = gateway.Begin(options: new DurableStepsOptions { Json = PlainContext.Default.Options });

        await attempt.RunAsync(token => attempt.Step.RunAsync("s", _ => Task.FromResult(new Order(1, "n")), token));

        Assert.Equal("""{"Id":1,"Name":"n"}""", Assert.Single(gateway.Puts).Text);
    }

    [Fact]
    public async Task Bytes_AreKeptAsTheyAre() => await RoundTripAsync(
        step => step.RunAsync("s", _ => Task.FromResult("\"raw\u00e4"u8.ToArray())), "\"raw\u00e4",
        "application/octet-stream", Assert.Equal);

    [Fact]
    public async Task NoBytes_AreKeptAsTheyAre() =>
        await RoundTripAsync(step => step.RunAsync("s", _ => Task.FromResult(Array.Empty<byte>())), "",
            "application/octet-stream", Assert.Equal);

    [Fact]
    public async Task Stream_IsKeptAsItIs_AndCanBeReadByTheHandler() => await RoundTripAsync(
        async step =>
        {
            await using var stream = await step.RunAsync("s", _ => Task.FromResult<Stream>(new MemoryStream("raw"u8.ToArray())));
            using var reader = new StreamReader(stream);
            return await reader.ReadToEndAsync();
        },
        "raw", "application/octet-stream", Assert.Equal);

    [Fact]
    public async Task DerivedType_IsItsBaseInBoth() =>
        await RoundTripAsync<Animal>(step => step.RunAsync<Animal>("s", _ => Task.FromResult<Animal>(new Dog("Rex", 3))),
            """{"name":"Rex"}""", "application/json", (first, again) =>
            {
                Assert.Equal(typeof(Animal), first.GetType());
                Assert.Equal(first, again);
            });

    [Fact]
    public async Task PrivateSetter_IsLostInBoth() => await RoundTripAsync(
        step => step.RunAsync("s", _ => Task.FromResult(new Counter(7))), """{"value":7}""", "application/json",
        (first, again) => Assert.Equal((0, 0), (first.Value, again.Value)));

    [Fact]
    public async Task LazySequence_IsEnumeratedOnce()
    {
        var enumerated = 0;
        await RoundTripAsync(
            async step =>
            {
                var items = await step.RunAsync("s", _ => Task.FromResult(Lazy()));
                return (items.Count(), items.Count());
            },
            "[1,2]", "application/json", Assert.Equal);

        Assert.Equal(1, enumerated);

        IEnumerable<int> Lazy()
        {
            enumerated++;
            yield return 1;
            yield return 2;
        }
    }

    [Fact]
    public async Task WithoutAGateway_AResultIsAsItWouldBeBehindOne()
    {
        using var attempt = new FakeGateway().Begin([]);

        await attempt.RunAsync(async token =>
            Assert.Equal(0, (await attempt.Step.RunAsync("s", _ => Task.FromResult(new Counter(7)), token)).Value));
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("nested")]
    [InlineData("list")]
    public async Task Tuple_IsRefusedBeforeItIsExecuted(string what)
    {
        var executed = false;
        T Executed<T>(T value)
        {
            executed = true;
            return value;
        }

        await new FakeGateway().RunAsync(async step =>
        {
            var e = await Assert.ThrowsAsync<StepUsageException>(() => what switch
            {
                "plain" => step.RunAsync("s", _ => Task.FromResult(Executed(("a", 1)))),
                "nested" => step.RunAsync("s", _ => Task.FromResult(Executed(new Pair(1, ("a", 1))))),
                _ => step.RunAsync("s", _ => Task.FromResult(Executed(new List<(string, int)?> { ("a", 1) }))),
            });
            Assert.Contains("record", e.Message, StringComparison.Ordinal);
        });

        Assert.False(executed);
    }

    [Fact]
    public async Task Tuple_WithFieldsIncluded_IsKept()
    {
        var gateway = new FakeGateway();
        var options = new DurableStepsOptions { Json = new JsonSerializerOptions { IncludeFields = true } };

        await gateway.RunAsync(async step => Assert.Equal(("a", 1), await step.RunAsync("s", _ => Task.FromResult(("a", 1)))),
            options: options);
    }

    [Fact]
    public async Task OptionsWithoutAResolver_AreTakenAsTheyAre()
    {
        var gateway = new FakeGateway();
        var options = new DurableStepsOptions
        {
            Json = new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.KebabCaseUpper }
        };

        Assert.True((await gateway.RunAsync(step => step.RunAsync("s", _ => Task.FromResult(new Order(1, "n"))),
            options: options)).IsCompleted);

        Assert.Equal("""{"ID":1,"NAME":"n"}""", Assert.Single(gateway.Puts).Text);
    }

    [Fact]
    public async Task ResultThatCannotBeReadAgain_IsNotStored_AndSaysSo()
    {
        var gateway = new FakeGateway();

        await gateway.RunAsync(async step =>
        {
            var e = await Assert.ThrowsAsync<StepUsageException>(() => step.RunAsync("s", _ => Task.FromResult(new Unreadable(1, 2))));
            Assert.Contains("'s'", e.Message, StringComparison.Ordinal);
        });

        Assert.Empty(gateway.Puts);
    }

    [Fact]
    public async Task Stream_OfTheBody_IsDisposedOf()
    {
        var source = new MemoryStream("raw"u8.ToArray());

        await new FakeGateway().RunAsync(step => step.RunAsync("s", _ => Task.FromResult<Stream>(source)));

        Assert.False(source.CanRead);
    }

    [Fact]
    public async Task Stream_ThatBreaksWhileItIsRead_IsAFailureOfTheStep()
    {
        var gateway = FakeGateway.That(Answer.Later);

        var verdict = await gateway.RunAsync(step => step.RunAsync("download", _ => Task.FromResult<Stream>(new BrokenStream())));

        verdict.AssertSuspended();
        Assert.Equal("failed", Assert.Single(gateway.Puts)["Durable-Step-Outcome"]);
    }

    [Fact]
    public async Task Stream_Null_SaysWhatToDo()
    {
        await new FakeGateway().RunAsync(async step =>
        {
            var e = await Assert.ThrowsAsync<StepUsageException>(() => step.RunAsync("download", _ => Task.FromResult<Stream>(null!)));
            Assert.Contains("'download'", e.Message, StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task Bytes_Null_AreTheSameInAReplay()
    {
        var gateway = new FakeGateway();
        byte[]? first = [1], again = [1];
        await gateway.RunAsync(async step => first = await step.RunAsync("s", _ => Task.FromResult<byte[]>(null!)));
        await gateway.RunAsync(async step => again = await step.RunAsync("s", _ => Task.FromResult<byte[]>(null!)),
            steps: Inlined(gateway.Puts.Single()));

        Assert.Equal(first, again);
    }

    [Fact]
    public async Task Nothing_IsAnEmptyBody_AndIsNotExecutedAgain()
    {
        var executed = 0;
        var gateway = new FakeGateway();
        Task Handler(IStep step) => step.RunAsync("notify", _ =>
        {
            executed++;
            return Task.CompletedTask;
        });

        await gateway.RunAsync(Handler);
        await gateway.RunAsync(Handler, steps: Inlined(gateway.Puts.Single()));

        Assert.Empty(gateway.Puts.Single().Body);
        Assert.Equal(1, executed);
    }

    [Fact]
    public async Task StoredResultOfAnotherShape_FailsTheAttempt_AndSaysWhatToDo()
    {
        var verdict = await new FakeGateway().RunAsync(
            async step =>
            {
                var e = await Assert.ThrowsAsync<CheckpointException>(() =>
                    step.RunAsync("charge", _ => Task.FromResult(new Order(1, "n"))));
                Assert.Contains("'charge'", e.Message, StringComparison.Ordinal);
                Assert.Contains("new name", e.Message, StringComparison.Ordinal);
            },
            steps: "\"charge\";ok=:MQ==:");

        verdict.AssertFailed("?1");
    }

    /// <summary>Executes the step, and then replays it with the stored outcome.</summary>
    private static async Task RoundTripAsync<T>(Func<IStep, Task<T>> handler, string stored, string contentType, Action<T, T> equal)
    {
        var gateway = new FakeGateway();
        T? first = default, again = default, listed = default;

        Assert.True((await gateway.RunAsync(async step => first = await handler(step))).IsCompleted);
        var put = Assert.Single(gateway.Puts);
        Assert.Equal((stored, contentType), (put.Text, put["Content-Type"]));
        Assert.True((await gateway.RunAsync(async step => again = await handler(step), steps: Inlined(put))).IsCompleted);
        equal(first!, again!);

        var row = new { id = "s", type = "run", outcome = "completed", contentType, body = put.Body, attempt = 1 };
        gateway.Script = _ => Task.FromResult<Answer?>(new Answer(200, JsonSerializer.Serialize(new[] { row })));
        Assert.True((await gateway.RunAsync(async step => listed = await handler(step), count: 1)).IsCompleted);
        equal(first!, listed!);
        Assert.Single(gateway.Puts);
    }

    private static string Inlined(Call put) =>
        $"\"{put.Step}\";ok=:{Convert.ToBase64String(put.Body)}:"
            + (put["Content-Type"] == "application/json" ? "" : $";ct=\"{put["Content-Type"]}\"");

    private record Animal(string Name);

    private sealed record Dog(string Name, int Age) : Animal(Name);

    private sealed record Pair(int Id, (string, int) Value);

    private sealed class Counter
    {
        public Counter()
        {
        }

        public Counter(int value) => Value = value;

        public int Value { get; private set; }
    }

    private sealed class Unreadable
    {
        public Unreadable(int a, int b) => Sum = a + b;

        public Unreadable(int a) => Sum = a;

        public int Sum { get; }
    }

    private sealed class BrokenStream : MemoryStream
    {
        public override Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken) =>
            throw new IOException("connection reset");
    }
}
