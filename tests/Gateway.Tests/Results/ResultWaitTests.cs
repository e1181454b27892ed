using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Results;

/// <summary><c>Durable:Results:Wait</c>: no request to the result URL is silent for longer.</summary>
public sealed class ResultWaitTests
{
    private static readonly string[] Settings = ["Durable:Results:Wait=00:00:01", World.RetryMuchLater];

    [Fact]
    public async Task Get_NotYet_RedirectsToItselfAfterTheSettingsTime()
    {
        await using var world = await World.StartAsync(Settings);
        var url = await world.ParkAsync();
        using var answer = await world.Gateway.Client.GetAsync(url).WaitAsync(World.Patience);
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.Equal(url + "&hop=1", answer.Headers.Location!.OriginalString);
    }

    [Fact]
    public async Task Get_WithWaitN_IsNotBoundByTheSetting()
    {
        await using var world = await World.StartAsync(Settings);
        var url = await world.ParkAsync();
        using var patient = new HttpRequestMessage(HttpMethod.Get, url) { Headers = { { "Prefer", "wait=60" } } };
        var waiting = world.Gateway.Client.SendAsync(patient);
        using var probe = await world.Gateway.Client.GetAsync(url).WaitAsync(World.Patience);
        Assert.Equal(HttpStatusCode.SeeOther, probe.StatusCode);
        Assert.False(waiting.IsCompleted);
    }

    [Fact]
    public async Task SilentStream_GetsACommentWithinTheSettingsTime()
    {
        await using var world = await World.StartAsync(Settings);
        var url = await world.ParkAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.TryAddWithoutValidation("Accept", "text/event-stream");
        using var stream = await world.Gateway.Client.SendAsync(request,
            HttpCompletionOption.ResponseHeadersRead).WaitAsync(World.Patience);
        using var reader = new StreamReader(await stream.Content.ReadAsStreamAsync());
        for (var comments = 0; comments < 2;)
        {
            if (await reader.ReadLineAsync().WaitAsync(World.Patience) == ":") comments++;
        }
    }
}
