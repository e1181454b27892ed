using System;
using System.Runtime.CompilerServices;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>
/// The task of a step that the handler awaits. Unlike the task of an async method, it tells the SDK when the branch has continued:
/// completing this task executes the code after the <c>await</c>, up to the next wait of the branch.
/// </summary>
/// <remarks>
/// A branch with a <see cref="System.Threading.SynchronizationContext"/> continues there, later.
/// The builder is that of async methods, so that a cancellation gives a canceled task that keeps the exception.
/// </remarks>
internal sealed class StepCompletion<T>
{
    private AsyncTaskMethodBuilder<T> _builder = AsyncTaskMethodBuilder<T>.Create();

    private StepCompletion()
    {
    }

    /// <summary>Creates the task for a step that has started.</summary>
    /// <param name="step">The step.</param>
    /// <param name="wentOn">Called when the branch has continued.</param>
    public static Task<T> Of(Task<T> step, Action wentOn)
    {
        if (step.IsCompleted)
        {
            // The branch continues immediately, before it returns to the code that started it.
            wentOn();
            return step;
        }

        var completion = new StepCompletion<T>();
        var task = completion._builder.Task;
        _ = completion.CompleteAsync(step, wentOn);
        return task;
    }

    private async Task CompleteAsync(Task<T> step, Action wentOn)
    {
        try
        {
            T result;
            try
            {
                result = await step.ConfigureAwait(false);
            }
            catch (Exception e)
            {
                _builder.SetException(e);
                return;
            }

            _builder.SetResult(result);
        }
        finally
        {
            wentOn();
        }
    }
}
