using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>Observes outcomes of steps that do not come from a call of the service.</summary>
internal interface IStepObserver
{
    /// <summary>The delivery to a waiting step is stored.</summary>
    ValueTask DeliveredAsync(RunId run, StepOutcome step);
}
