using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>Is told of steps whose outcome no call of the service brings.</summary>
internal interface IStepObserver
{
    /// <summary>What a step waited for has come, and is stored.</summary>
    ValueTask DeliveredAsync(RunId run, StepOutcome step);
}
