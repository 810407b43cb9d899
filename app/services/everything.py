"""The services, together: what the window and the command line are given."""

from dataclasses import dataclass

from app.services.auto_setting import AutoSettingService
from app.services.bundles import BundleService
from app.services.chatting import ChatService
from app.services.collecting import CollectingService
from app.services.comparing import ComparingService
from app.services.conversing import ConversationService
from app.services.diagnostics import DiagnosticsService
from app.services.docker_care import DockerCareService
from app.services.doctor import DoctorService
from app.services.exporting import ExportService
from app.services.history import HistoryService
from app.services.job_scripts import JobScriptService
from app.services.layers import LayerService
from app.services.library import LibraryService
from app.services.merging import MergeService
from app.services.monitoring import MonitoringService
from app.services.offline import OfflineService
from app.services.offline_doctor import OfflineDoctor
from app.services.preflight import PreflightService
from app.services.previews import PreviewService
from app.services.probing import ProbingService
from app.services.proving import ProvingService
from app.services.publishing import PublishingService
from app.services.queue_clock import QueueClock
from app.services.queueing import QueueService
from app.services.renting.planning import RentingService
from app.services.renting.reaper import Reaper
from app.services.runpod_storage import RunpodStorageService
from app.services.serving import ServingService
from app.services.settings import SettingsService
from app.services.setups import SetupService
from app.services.still_online import StillOnlineService
from app.services.talkers import TalkerService
from app.services.talking import TalkingEngine
from app.services.tokens import TokenService
from app.services.training import TrainingService


@dataclass(frozen=True)
class Services:
    library: LibraryService
    collecting: CollectingService
    merging: MergeService
    training: TrainingService
    monitoring: MonitoringService
    chats: ChatService
    talkers: TalkerService
    talking: TalkingEngine
    conversations: ConversationService
    comparing: ComparingService
    proving: ProvingService
    serving: ServingService
    settings: SettingsService
    offline: OfflineService
    still_online: StillOnlineService
    tokens: TokenService
    docker_care: DockerCareService
    bundles: BundleService
    offline_doctor: OfflineDoctor
    setups: SetupService
    doctor: DoctorService
    diagnostics: DiagnosticsService
    publishing: PublishingService
    previews: PreviewService
    probing: ProbingService
    queue: QueueService
    queue_clock: QueueClock
    history: HistoryService
    layers: LayerService
    preflight: PreflightService
    job_scripts: JobScriptService
    auto: AutoSettingService
    renting: RentingService
    reaper: Reaper
    exporting: ExportService
    runpod_storage: RunpodStorageService
