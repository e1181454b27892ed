using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Egress;

/// <summary>A place at which a service or the store waits until the test lets it go on.</summary>
internal sealed class Hold
{
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when something waits here for the first time.</summary>
    public Task Reached => _reached.Task;

    public void Release() => _released.TrySetResult();

    /// <summary>A service that is called, and waits here before it answers.</summary>
    public Func<HttpContext, int, Task> Before(Func<HttpContext, int, Task> pay) => async (context, count) =>
    {
        await PassAsync();
        await pay(context, count);
    };

    /// <summary>The gateway's store, which waits here before it does what a method says.</summary>
    public Action<WebApplicationBuilder> Store<T>(string method) => ObservedStore.Of((name, _, call) =>
        name == method ? DelayAsync(() => (Task<T>)call()!) : call());

    private async Task<T> DelayAsync<T>(Func<Task<T>> call)
    {
        await PassAsync();
        return await call();
    }

    private Task PassAsync()
    {
        _reached.TrySetResult();
        return _released.Task;
    }
}
