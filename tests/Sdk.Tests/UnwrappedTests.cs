using System.Net;
using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>Handlers that use steps and are not wrapped.</summary>
public sealed class UnwrappedTests
{
    [Fact]
    public async Task MinimalApi_DoesNotStart_AndSaysWhatToAdd()
    {
        var e = await Assert.ThrowsAsync<StepUsageException>(() => SdkService.StartAsync(
            app => app.MapPost("/orders", (IStep step) => step.RunAsync("a", _ => Task.FromResult(1))), controllers: false));

        Assert.Contains("/orders", e.Message, StringComparison.Ordinal);
        Assert.Contains(".WithDurableSteps()", e.Message, StringComparison.Ordinal);
        Assert.Contains("UseDurableSteps()", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Controllers_DoNotStart()
    {
        var e = await Assert.ThrowsAsync<StepUsageException>(() => SdkService.StartAsync(app => app.MapControllers()));

        Assert.Contains(nameof(JourneyController), e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WrappedPipeline_Starts()
    {
        await using var service = await SdkService.StartAsync(
            app =>
            {
                app.UseDurableSteps();
                app.MapGet("/", (IStep step) => step.RunAsync("a", _ => Task.FromResult(1)));
            },
            new FakeGateway(), controllers: false);

        using var response = await service.AttemptAsync("/");

        Assert.Equal("1", await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FoundWhenItIsCalled_IsFinalAtOnce_AndSaysWhatToAdd(bool handled)
    {
        await using var service = await SdkService.StartAsync(
            app =>
            {
                if (handled) app.UseExceptionHandler(handler => handler.Run(context => context.Response.WriteAsync("the host's own page")));
                app.UseRouting();
                app.MapGet("/", (IServiceProvider services) => services.GetRequiredService<IStep>().RunAsync("a", _ => Task.FromResult(1)));
            },
            new FakeGateway(), controllers: false);

        using var response = await service.AttemptAsync("/");

        Assert.Equal((HttpStatusCode.InternalServerError, "?0"), (response.StatusCode, response.Header("Durable-Retry")));
        var body = await response.Content.ReadAsStringAsync();
        Assert.Contains(handled ? "the host's own page" : ".WithDurableSteps()", body, StringComparison.Ordinal);
    }
}
